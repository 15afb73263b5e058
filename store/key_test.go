package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// removed is v without hardy, who had joined for that.
func removed(t *testing.T, v *View, was, next Key) *View {
	t.Helper()
	c := v.Config()
	c.putNode(hardy("bb"))
	v, err := again(t, RemoveNode{Name: "hardy", Was: was, Next: next}).On(NewView(c))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestARemovalChangesTheKey: as often as somebody is removed, and the latest are
// kept.
func TestARemovalChangesTheKey(t *testing.T) {
	v := NewView(example())
	founder := laurel()
	founder.Site = ""
	v, err := SetNode{Node: founder}.On(v)
	if err != nil {
		t.Fatal(err)
	}
	v = removed(t, v, Key{100}, Key{1})
	if diff := cmp.Diff([]byte{100, 1}, firsts(v)); diff != "" {
		t.Error(diff)
	}
	for i := byte(2); i < 10; i++ {
		v = removed(t, v, Key{100}, Key{i})
	}
	if diff := cmp.Diff([]byte{2, 3, 4, 5, 6, 7, 8, 9}, firsts(v)); diff != "" {
		t.Error(diff)
	}
	if next := removed(t, v, Key{}, Key{}); len(next.Keys()) != 8 || next.Keys()[7] != (Key{9}) {
		t.Errorf("a Change of an earlier version: got %v", firsts(next))
	}
	b, err := EncodeConfig(v.Config())
	if err != nil {
		t.Fatal(err)
	}
	if c, decodeErr := DecodeConfig(b); decodeErr != nil || NewView(c).Hash() != v.Hash() || len(c.Keys) != 8 {
		t.Errorf("got %d keys, %v", len(c.Keys), decodeErr)
	}
	if got := v.Bare().Keys; got != nil {
		t.Errorf("a witness has %d keys", len(got))
	}
	if got, _ := (Replace{}).On(v); len(got.Keys()) != 8 {
		t.Error("a file throws keys out")
	}
}

// firsts are the first bytes of the keys of v, which tell them apart.
func firsts(v *View) (all []byte) {
	for _, k := range v.Keys() {
		all = append(all, k[0])
	}
	return all
}

// TestKeysArePrintedNowhere: neither where somebody prints all he has, nor in
// what a change says of itself.
func TestKeysArePrintedNowhere(t *testing.T) {
	key := Key([]byte("abcdefghijklmnopqrstuvwxyz012345"))
	c := RemoveNode{Name: "hardy", Next: key}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	v := removed(t, NewView(Config{}), Key{1}, key)
	said := string(text) + fmt.Sprintf("%v %+v %#v %s %x %q %v", c, c, c, key, key, key, v.Config())
	for _, l := range Diff(NewView(Config{}), v) {
		said += l.String() + "\n"
	}
	for _, part := range []string{"abcdefgh", "6162636465", "97 98 99", "0x61, 0x62", "YWJj"} {
		if strings.Contains(said, part) {
			t.Errorf("it shows the key: %s", said)
		}
	}
	if !strings.Contains(said, "~ nonces and tokens: sealed with another key") {
		t.Errorf("the history does not say that the key was changed: %s", said)
	}
}

// What version 4 wrote, before there were keys, is read.
func TestOfVersionFour(t *testing.T) {
	b, err := encode(tagRemoveNode, wireRemoveNode4{By: wireAuthor{Who: "me"}, Name: "mons"})
	if err != nil {
		t.Fatal(err)
	}
	b[1] = 4 // CBOR: an array of three, whose first is the version
	if c, decodeErr := DecodeChange(b); decodeErr != nil || c != (RemoveNode{By: Author{Who: "me"}, Name: "mons"}) {
		t.Errorf("got %+v, %v", c, decodeErr)
	}
	if b, err = encode(tagJoin, wireJoin4{Token: "t", Node: toWireNode(hardy("bb"))}); err != nil {
		t.Fatal(err)
	}
	b[1] = 4
	if c, decodeErr := DecodeChange(b); decodeErr != nil || c != (Join{Token: "t", Node: hardy("bb")}) {
		t.Errorf("got %+v, %v", c, decodeErr)
	}
	b, err = encode(tagConfig, wireConfig4{
		Domain: "tel.example.org", Sites: []wireSite{}, Users: []wireUser{}, Trunks: []wireTrunk{}, Origins: []string{"*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	b[1] = 4
	if c, decodeErr := DecodeConfig(b); decodeErr != nil || c.Domain != "tel.example.org" || len(c.Origins) != 1 || c.Keys != nil {
		t.Errorf("got %+v, %v", c, decodeErr)
	}
}
