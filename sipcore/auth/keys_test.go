package auth

import (
	"testing"

	"carillon/store"
)

// TestKeysChange: what was sealed before is told apart from what is sealed now.
func TestKeysChange(t *testing.T) {
	one, two, three := store.Key{1}, store.Key{2}, store.Key{3}
	laurel, removed := NewSealer(one, "laurel"), NewSealer(one, "mons")
	token := Token{Kind: RecordRoute, User: "201", Dialog: 5}
	old := removed.Seal(token)
	laurel.Use(nil)
	if _, ok := laurel.Open(old); !ok || laurel.HasEarlier() {
		t.Fatal("no keys in the View: the one that the node came with is not in force")
	}
	laurel.Use([]store.Key{one, two})
	if _, ok := laurel.Open(old); ok {
		t.Error("a token of the earlier key counts as one of now")
	}
	if got, ok := laurel.OpenEarlier(old); !ok || got != token {
		t.Errorf("the earlier key: got %+v, %v", got, ok)
	}
	if _, ok := removed.Open(laurel.Seal(token)); ok {
		t.Error("what is sealed now can be read with the earlier key")
	}
	path := Token{Kind: Path, User: "201"}
	if got, ok := removed.Open(laurel.Seal(path)); !ok || got != path {
		t.Error("a node that has not heard of the new key cannot read which phone is meant")
	}
	nonce := removed.Nonce(here(), now())
	if got := laurel.CheckNonce(nonce, now()); got != Forged {
		t.Errorf("a nonce of the earlier key is %v, want forged", got)
	}
	if laurel.Proves(nonce, here(), now()) {
		t.Error("a nonce of the earlier key proves an address")
	}
	laurel.Use([]store.Key{two, three})
	if _, ok := laurel.OpenEarlier(old); ok {
		t.Error("a key that the View has forgotten opens a token")
	}
}
