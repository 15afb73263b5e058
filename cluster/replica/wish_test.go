package replica

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// wisher is a reader that wants a part, its owner, and what it was told.
type wisher struct {
	t     *testing.T
	owner *Replica
	r     *Replica
	told  map[string]string
	epoch uint64
}

func newWisher(t *testing.T, keys ...string) *wisher {
	t.Helper()
	w := &wisher{t: t, owner: New("laurel", "dlg"), r: New("laurel", "dlg"), told: map[string]string{}}
	w.owner.Renew(1)
	for _, key := range keys {
		w.owner.Set(key, []byte("v"+key))
	}
	return w
}

func (w *wisher) want(prefixes ...string) {
	w.epoch++
	w.hears(w.r.Want(Only(prefixes...), w.epoch))
}

func (w *wisher) hears(changes []Change) {
	for _, x := range changes {
		if w.told[x.Key()] = x.Value(); x.Deleted {
			delete(w.told, x.Key())
		}
	}
}

// gives returns what the owner gives to a reader that wants just that, there.
func (w *wisher) gives(wish Wish, at Cursor, limit int) Delta {
	d, ok := w.owner.DeltaFor(&wish, at, limit)
	if ok && !d.More() {
		d.Check = w.owner.CheckOf(wish.Filter)
	}
	return d
}

// syncs has the reader get all, and returns how many entries that took.
func (w *wisher) syncs() (entries int) {
	for range 100 {
		d := w.gives(w.r.Wish(), w.r.Awaits(), 40)
		if d.Inc == 0 {
			return entries
		}
		entries += len(d.Entries)
		changes, result, _ := w.r.Apply(d)
		if result != Applied {
			w.t.Fatalf("a delta of what is wanted: got %v", result)
		}
		w.hears(changes)
	}
	w.t.Fatal("it does not end")
	return 0
}

func (w *wisher) has(keys ...string) {
	w.t.Helper()
	if got := slices.Sorted(maps.Keys(w.told)); !slices.Equal(got, keys) || w.r.Len() != len(keys) {
		w.t.Errorf("the reader was told of %q and has %d keys, want %q", got, w.r.Len(), keys)
	}
}

func TestFilter(t *testing.T) {
	f := Only("201/", "20", "31", "3", "")
	if !f.Equal(Only("")) || !f.Matches("x") || f.All() {
		t.Errorf("with the empty prefix: got %v", f)
	}
	f = Only("201/b", "201/", "30", "5")
	for key, want := range map[string]bool{"201/": true, "201/a": true, "201/bc": true, "201": false, "2010/": false, "30": true, "301": true, "3": false, "4": false, "": false, "6": false} {
		if got := f.Matches(key); got != want {
			t.Errorf("%q: got %v, want %v", key, got, want)
		}
	}
	if got, want := f.And(Only("201/b", "3", "7")), Only("201/b", "30"); !got.Equal(want) {
		t.Errorf("what both want: got %v, want %v", got, want)
	}
	if !f.Covers(Only("201/x", "5")) || f.Covers(Only("20")) || f.Covers(Filter{}) || !(Filter{}).Covers(f) || Only().Matches("") {
		t.Error("who covers whom")
	}
}

// Widening brings what was added and nothing else; narrowing brings nothing.
func TestWideningBringsWhatWasAdded(t *testing.T) {
	w := newWisher(t, "201/a", "202/a", "203/a", "203/b")
	w.want("201/", "204/")
	if got := w.syncs(); got != 1 {
		t.Errorf("the first copy: got %d entries, want 1", got)
	}
	w.has("201/a")
	w.owner.Set("201/b", nil)
	w.owner.Delete("202/a")
	w.want("201/", "203/", "204/")
	w.has("201/a")
	if got := w.syncs(); got != 3 {
		t.Errorf("the copy of what was added, and a change: got %d entries, want 3", got)
	}
	w.has("201/a", "201/b", "203/a", "203/b")
	w.want("203/b")
	w.has("203/b")
	if got := w.syncs(); got != 0 {
		t.Errorf("narrowed: got %d entries, want none", got)
	}
	w.owner.Set("201/a", []byte("later"))
	w.owner.Delete("203/a")
	if got := w.syncs(); got != 0 || w.r.Cursor() != w.owner.Cursor() {
		t.Errorf("what does not match: got %d entries and the cursor %v, want none and %v", got, w.r.Cursor(), w.owner.Cursor())
	}
	w.hears(w.r.Want(Filter{}, 99))
	w.syncs()
	w.has("201/a", "201/b", "203/b")
}

// What was deleted and forgotten meanwhile is not left out of a copy.
func TestWideningBelowTheFloor(t *testing.T) {
	w := newWisher(t, "201/a", "201/b", "202/a")
	w.want("201/")
	w.syncs()
	w.owner.Delete("201/a")
	w.owner.Collect(w.owner.Cursor().Max)
	w.want("201/", "202/")
	w.syncs()
	w.has("201/b", "202/a")
}

// Who wants all, something else, and all again may be given what was made for the first
// time: it must not leave out what the reader had then.
func TestWideningToAllAgain(t *testing.T) {
	w := newWisher(t, "201/a", "202/a", "203/a")
	w.want("201/")
	w.syncs()
	w.hears(w.r.Want(Filter{}, 0))
	first := w.gives(w.r.Wish(), w.r.Awaits(), 1<<20)
	w.want("202/")
	w.hears(w.r.Want(Filter{}, 0))
	changes, result, _ := w.r.Apply(first)
	if w.hears(changes); result == Spoilt {
		t.Error("there is one history")
	}
	w.syncs()
	w.has("201/a", "202/a", "203/a")
}

// A whole copy and one that leaves out what the reader has do not mix, whichever
// comes first.
func TestCopiesDoNotMix(t *testing.T) {
	for _, wholeFirst := range []bool{true, false} {
		t.Run(fmt.Sprint(wholeFirst), func(t *testing.T) {
			w := newWisher(t, "201/a", "201/b", "202/a", "202/b")
			w.want("201/")
			w.syncs()
			w.want("201/", "202/")
			wish, at := w.r.Wish(), w.r.Awaits()
			whole := Wish{Epoch: wish.Epoch, Filter: wish.Filter}
			first, then := w.gives(whole, at, 1), w.gives(wish, Cursor{Inc: 1, Max: 1}, 1<<20)
			if !wholeFirst {
				first, then = w.gives(wish, at, 1), w.gives(whole, Cursor{Inc: 1, Max: 3}, 1<<20)
			}
			for _, d := range []Delta{first, then} {
				d.Check = 0
				changes, _, _ := w.r.Apply(d)
				w.hears(changes)
			}
			w.r.Restart()
			w.syncs()
			w.has("201/a", "201/b", "202/a", "202/b")
		})
	}
}

// A copy of what was added that comes in pieces, with changes behind it, is complete
// with the last: no piece is taken for a change.
func TestWideningInPieces(t *testing.T) {
	w := newWisher(t, "201/a", "202/a", "202/b", "202/c", "201/b")
	w.want("201/")
	w.syncs()
	w.owner.Set("201/c", nil)
	w.owner.Set("202/d", nil)
	w.want("201/", "202/")
	wish, at := w.r.Wish(), w.r.Awaits()
	for at != w.owner.Cursor() {
		d := w.gives(wish, at, 1)
		changes, result, _ := w.r.Apply(d)
		if w.hears(changes); result != Applied {
			t.Fatalf("a piece: got %v", result)
		}
		if at = d.Next(); w.r.Complete() != (at == w.owner.Cursor()) {
			t.Errorf("complete at %v: got %v", at, w.r.Complete())
		}
	}
	w.has("201/a", "201/b", "201/c", "202/a", "202/b", "202/c", "202/d")
}

// Whatever is written, deleted, forgotten and wanted, in any order: after all that
// is told, the reader has of the owner's just what it wants.
func TestWishesProperty(t *testing.T) {
	key := rapid.SampledFrom([]string{"201/a", "201/b", "202/a", "203/a", "2031/a", "204"})
	prefix := rapid.SampledFrom([]string{"20", "201/", "201/b", "202/", "203", "2031/", "9"})
	rapid.Check(t, func(rt *rapid.T) {
		w, wants := newWisher(t), Filter{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0, 1:
				w.owner.Set(key.Draw(rt, "key"), []byte(rapid.StringN(0, 3, 3).Draw(rt, "value")))
			case 2:
				w.owner.Delete(key.Draw(rt, "key"))
			case 3:
				w.owner.Collect(rapid.Uint64Range(0, w.owner.Cursor().Max).Draw(rt, "floor"))
			case 4:
				wants = Only(rapid.SliceOfN(prefix, 0, 4).Draw(rt, "prefixes")...)
				w.epoch++
				w.hears(w.r.Want(wants, w.epoch))
			default:
				d := w.gives(w.r.Wish(), w.r.Awaits(), rapid.IntRange(1, 60).Draw(rt, "limit"))
				if d.Inc != 0 {
					changes, _, _ := w.r.Apply(d)
					w.hears(changes)
				}
			}
		}
		w.syncs()
		want := map[string]string{}
		for _, k := range []string{"201/a", "201/b", "202/a", "203/a", "2031/a", "204"} {
			if v, ok := w.owner.Get(k); ok && wants.Matches(k) {
				want[k] = v
			}
		}
		if !maps.Equal(w.told, want) || w.r.Len() != len(want) {
			rt.Fatalf("who wants %q was told %q and has %d keys, want %q", wants.Prefixes(), w.told, w.r.Len(), want)
		}
	})
}
