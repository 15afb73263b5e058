package replica

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func contents(r *Replica) map[string]string {
	m := map[string]string{}
	for _, x := range r.items {
		if v, ok := r.Get(x.key()); ok && !x.stale {
			m[x.key()] = v
		}
	}
	return m
}

func owner(inc uint64) *Replica {
	r := New("hardy", "reg")
	r.Renew(inc)
	return r
}

// everything is a limit that cuts nothing.
const everything = maxDelta

func mustDelta(t *testing.T, r *Replica, c Cursor, limit int) Delta {
	t.Helper()
	d, ok := r.DeltaSince(c, limit)
	if !ok {
		t.Fatalf("nothing since %v at %v", c, r.Cursor())
	}
	return d
}

func TestOwner(t *testing.T) {
	r := owner(1)
	if !r.Set("201", []byte("a")) || r.Set("201", []byte("a")) {
		t.Error("a value counts once")
	}
	if r.Delete("202") || !r.Delete("201") || r.Delete("201") {
		t.Error("a deletion counts once")
	}
	if got, want := r.Cursor(), (Cursor{1, 2, 0}); got != want || r.Len() != 0 {
		t.Errorf("got %v, %d keys; want %v, none", got, r.Len(), want)
	}
	if r.Set("big", make([]byte, MaxValue+1)) {
		t.Error("a value without bounds was taken")
	}
	if _, ok := r.DeltaSince(r.Cursor(), everything); ok {
		t.Error("there is something new for a reader that has all")
	}
}

func TestApply(t *testing.T) {
	entry := func(version uint64) Entry { return Entry{Pair: NewPair("k", []byte{byte(version)}), Version: version} }
	for _, c := range []struct {
		name   string
		have   Cursor
		d      Delta
		want   Result
		cursor Cursor
	}{
		{"the first", Cursor{}, Delta{Inc: 1, To: 1, Entries: []Entry{entry(1)}}, Applied, Cursor{1, 1, 0}},
		{"an empty namespace", Cursor{}, Delta{Inc: 1}, Applied, Cursor{1, 0, 0}},
		{"the next", Cursor{1, 1, 0}, Delta{Inc: 1, From: 1, To: 2, Entries: []Entry{entry(2)}}, Applied, Cursor{1, 2, 0}},
		{"an overlap", Cursor{1, 5, 0}, Delta{Inc: 1, From: 1, To: 8, Entries: []Entry{entry(4), entry(8)}}, Applied, Cursor{1, 8, 0}},
		{"again", Cursor{1, 2, 0}, Delta{Inc: 1, From: 1, To: 2, Entries: []Entry{entry(2)}}, Old, Cursor{1, 2, 0}},
		{"a gap", Cursor{1, 1, 0}, Delta{Inc: 1, From: 2, To: 3, Entries: []Entry{entry(3)}}, Gap, Cursor{1, 1, 0}},
		{"an older incarnation", Cursor{2, 1, 0}, Delta{Inc: 1, To: 9, Entries: []Entry{entry(9)}}, Old, Cursor{2, 1, 0}},
		{"a newer one", Cursor{1, 9, 0}, Delta{Inc: 2, To: 1, Entries: []Entry{entry(1)}}, Applied, Cursor{2, 1, 0}},
		{"the middle of a newer one", Cursor{1, 9, 0}, Delta{Inc: 2, From: 9, To: 10, Entries: []Entry{entry(10)}}, NeedSnapshot, Cursor{1, 9, 0}},
		{"a newer one, cut", Cursor{1, 9, 0}, Delta{Inc: 2, To: 1, Head: 2, Entries: []Entry{entry(1)}}, Applied, Cursor{2, 1, 0}},
		{"below the floor", Cursor{1, 5, 0}, Delta{Inc: 1, From: 5, To: 9, Floor: 7, Entries: []Entry{entry(9)}}, NeedSnapshot, Cursor{1, 5, 0}},
		{"below the floor, whole", Cursor{1, 5, 0}, Delta{Inc: 1, To: 9, Floor: 7, Entries: []Entry{entry(9)}}, Applied, Cursor{1, 9, 7}},
		{"an offer to one that has it", Cursor{1, 5, 0}, Delta{Inc: 1, From: 5, To: 5}, Old, Cursor{1, 5, 0}},
		{"an offer to one that has not", Cursor{1, 4, 0}, Delta{Inc: 1, From: 5, To: 5}, Gap, Cursor{1, 4, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New("hardy", "reg")
			r.state.Cursor = c.have
			if _, got, cursor := r.Apply(c.d); got != c.want || cursor != c.cursor {
				t.Errorf("got %v %v, want %v %v", got, cursor, c.want, c.cursor)
			}
		})
	}
}

// A whole copy takes the place of what a reader had only once it is complete.
func TestSnapshotIsStaged(t *testing.T) {
	old, reader := owner(1), New("hardy", "reg")
	old.Set("gone", []byte("x"))
	old.Set("same", []byte("y"))
	reader.Apply(mustDelta(t, old, Cursor{}, everything))
	fresh := owner(2)
	for i := range 5 {
		fresh.Set(fmt.Sprint(i), []byte("z"))
	}
	fresh.Set("same", []byte("y"))
	var changes []Change
	for at := (Cursor{}); ; {
		d := mustDelta(t, fresh, at, 1)
		if at = d.Next(); !d.More() {
			changes, _, _ = reader.Apply(d)
			break
		}
		if early, _, _ := reader.Apply(d); early != nil || len(contents(reader)) != 2 {
			t.Fatalf("before the end of the copy: changes %v, contents %v", early, contents(reader))
		}
	}
	if diff := cmp.Diff(contents(fresh), contents(reader)); diff != "" {
		t.Error(diff)
	}
	if len(changes) != 6 || !changes[0].Deleted || changes[0].Key() != "gone" {
		t.Errorf("got changes %v; want gone deleted, five set, same not mentioned", changes)
	}
}

// A reader whose first half of a copy is from before a deletion that was
// forgotten meanwhile must not keep what was deleted.
func TestSnapshotOvertakenByCollect(t *testing.T) {
	o, reader := owner(1), New("hardy", "reg")
	for i := range 4 {
		o.Set(fmt.Sprint(i), []byte("z"))
	}
	first := mustDelta(t, o, Cursor{}, 2*(entryCost+2))
	reader.Apply(first)
	o.Delete("0")
	o.Set("4", []byte("z"))
	o.Collect(o.Cursor().Max)
	for at := first.Next(); reader.Cursor() != o.Cursor(); {
		d := mustDelta(t, o, at, everything)
		_, _, at = reader.Apply(d)
	}
	if diff := cmp.Diff(contents(o), contents(reader)); diff != "" {
		t.Error(diff)
	}
}

func TestOutranked(t *testing.T) {
	r := owner(3)
	r.Set("a", nil)
	for _, c := range []struct {
		c    Cursor
		want bool
	}{{Cursor{}, false}, {Cursor{3, 1, 0}, false}, {Cursor{2, 9, 0}, false}, {Cursor{3, 2, 0}, true}, {Cursor{4, 0, 0}, true}} {
		if got := r.Outranked(Claim{Cursor: c.c}); got != c.want {
			t.Errorf("%v: got %v, want %v", c.c, got, c.want)
		}
	}
}

func TestSet(t *testing.T) {
	var s Set
	b, a := s.Get("hardy", "reg"), s.Get("hardy", "dlg")
	c := s.Get("laurel", "reg")
	if s.Get("hardy", "reg") != b || s.Len() != 3 {
		t.Error("a replica is made once")
	}
	if got := slices.Collect(s.All()); !slices.Equal(got, []*Replica{a, b, c}) {
		t.Errorf("got %v", got)
	}
	if got := slices.Collect(s.Of("hardy")); !slices.Equal(got, []*Replica{a, b}) {
		t.Errorf("got %v", got)
	}
	s.Drop("hardy")
	if got := slices.Collect(s.All()); !slices.Equal(got, []*Replica{c}) {
		t.Errorf("got %v", got)
	}
}

// history makes an owner with random writes, and the deltas that it could have
// sent on the way, cut and overlapping at random.
func history(t *rapid.T) (*Replica, []Delta) {
	o := owner(1)
	var deltas []Delta
	for range rapid.IntRange(1, 40).Draw(t, "writes") {
		key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1, 2:
			o.Delete(key)
		case 3:
			o.Collect(rapid.Uint64Range(0, o.Max).Draw(t, "floor"))
		case 4:
			o.Renew(o.Inc + 1)
		default:
			o.Set(key, []byte{rapid.Byte().Draw(t, "value")})
		}
		c := Cursor{o.Inc, rapid.Uint64Range(0, o.Max).Draw(t, "from"), 0}
		if d, ok := o.DeltaSince(c, rapid.IntRange(1, 100).Draw(t, "limit")); ok {
			deltas = append(deltas, d)
		}
	}
	d, _ := o.DeltaSince(Cursor{}, everything)
	return o, append(deltas, d)
}

// Whatever arrives in whatever order, twice or not at all: with the last whole
// copy a reader has what the owner has, and the changes that it was told of add
// up to that.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, deltas := history(t)
		last := deltas[len(deltas)-1]
		deltas = rapid.Permutation(append(deltas, deltas...)).Draw(t, "order")
		reader, told := New("hardy", "reg"), map[string]string{}
		for _, d := range append(deltas, last) {
			before := reader.Cursor()
			changes, _, _ := reader.Apply(d)
			for _, x := range changes {
				if told[x.Key()] = x.Value(); x.Deleted {
					delete(told, x.Key())
				}
			}
			if reader.Cursor().Compare(before) < 0 {
				t.Fatalf("went back from %v to %v", before, reader.Cursor())
			}
			if !maps.Equal(told, contents(reader)) {
				t.Fatalf("told %v, has %v", told, contents(reader))
			}
		}
		if !maps.Equal(contents(o), contents(reader)) {
			t.Fatalf("owner %v at %v, reader %v at %v", contents(o), o.Cursor(), contents(reader), reader.Cursor())
		}
		if reader.live != len(contents(reader)) {
			t.Fatalf("counts %d of %d", reader.live, len(contents(reader)))
		}
	})
}

func TestCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, deltas := history(t)
		for _, d := range deltas {
			b, err := d.MarshalBinary()
			var got Delta
			if err == nil {
				err = got.UnmarshalBinary(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzDelta(f *testing.F) {
	o := owner(7)
	for i := range 3 {
		o.Set(fmt.Sprintf("20%d\x00urn:uuid:%d", i, i), fmt.Appendf(nil, "sip:20%d@10.0.0.%d:5060", i, i))
	}
	o.Delete("201\x00urn:uuid:1")
	d, _ := o.DeltaSince(Cursor{}, everything)
	b, _ := d.MarshalBinary()
	f.Add(b)
	part, _ := o.DeltaFor(&Wish{Epoch: 3, Filter: Only("20"), Had: Only("201"), Base: Cursor{Inc: d.Inc, Max: 2}}, Cursor{}, everything)
	b, _ = part.MarshalBinary()
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second Delta
		if first.UnmarshalBinary(data) != nil {
			return
		}
		again, _ := first.MarshalBinary()
		if err := second.UnmarshalBinary(again); err != nil {
			t.Fatalf("%v, after writing %+v", err, first)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatal(diff)
		}
		r := New("x", "y")
		if _, result, _ := r.Apply(first); result == Applied && !first.More() && first.From == 0 && first.To >= first.Floor && r.Cursor() != first.Next() {
			t.Fatalf("at %v after %+v", r.Cursor(), first)
		}
	})
}

// A whole copy in pieces comes to somebody who has more than its first pieces, but
// not what was deleted meanwhile: it is taken, and does not begin anew for ever.
func TestLongCopyToWhoHasMore(t *testing.T) {
	o, r := owner(1), New("hardy", "reg")
	for i := range 60 {
		o.Set(fmt.Sprint(i), []byte("x"))
	}
	d, _ := o.DeltaSince(Cursor{}, everything)
	_, _, at := r.Apply(d)
	o.Delete("3")
	o.Set("new", []byte("y"))
	o.Collect(o.Max)
	for range 100 {
		d, ok := o.DeltaSince(at, 100)
		if !ok {
			break
		}
		_, _, at = r.Apply(d)
	}
	if !maps.Equal(contents(o), contents(r)) {
		t.Errorf("got %v at %v, want %v at %v", contents(r), r.Cursor(), contents(o), o.Cursor())
	}
}
