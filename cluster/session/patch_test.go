package session

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestPatchProperty: what is copied, cut, moved and written anew comes out as it was
// meant, and what is the same does not travel.
func TestPatchProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		old := rapid.SliceOfN(rapid.Byte(), 0, 4000).Draw(rt, "old")
		var text []byte
		for range rapid.IntRange(0, 6).Draw(rt, "pieces") {
			from := rapid.IntRange(0, len(old)).Draw(rt, "from")
			text = append(text, old[from:rapid.IntRange(from, len(old)).Draw(rt, "to")]...)
			text = append(text, rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(rt, "new")...)
		}
		patch := makePatch(old, text)
		if got, err := applyPatch(old, patch, len(text)); err != nil || !bytes.Equal(got, text) {
			rt.Fatalf("got %d bytes, %v, want %d", len(got), err, len(text))
		}
		if _, err := applyPatch(old, patch, len(text)-1); err == nil && len(text) > 0 && len(old) == len(text) && bytes.Equal(old, text) {
			rt.Fatal("a limit is passed over")
		}
		if same := makePatch(old, old); len(old) > 10*patchBlock && len(same) > 3*patchBlock {
			rt.Fatalf("%d bytes for what is the same", len(same))
		}
	})
}

// FuzzPatch: what another node makes up is refused, or is no longer than the limit.
func FuzzPatch(f *testing.F) {
	old := bytes.Repeat([]byte("0123456789"), 20)
	f.Add(makePatch(old, old[20:]))
	f.Add(makePatch(old, append([]byte("x"), old...)))
	f.Fuzz(func(t *testing.T, patch []byte) {
		if text, err := applyPatch(old, patch, 1000); err == nil && len(text) > 1000+len(patch) {
			t.Fatalf("%d bytes", len(text))
		}
		a, err := parseAmendment(patch)
		if err != nil {
			return
		}
		again, err := parseAmendment(append(append(a.head(), a.sharedPart...), a.ownPart...))
		if err != nil || again.since != a.since || !bytes.Equal(again.sharedPart, a.sharedPart) || !bytes.Equal(again.ownPart, a.ownPart) {
			t.Fatalf("%+v became %+v, %v", a, again, err)
		}
	})
}
