package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPointerRoundTrip(t *testing.T) {
	for name, x := range map[string]Binding{
		"a phone":          phone(),
		"one flow":         phone(func(x *Binding) { x.Device, x.RegID, x.Move = "urn:uuid:1#2", 2, 7 }),
		"one that is down": phone(func(x *Binding) { x.Flow = 0 }),
		"one that is gone": phone(func(x *Binding) { x.Flow, x.Gone = 0, true }),
	} {
		got, err := parsePointer(PointerKey(x.Key()), x.AppendPointer(nil))
		if err != nil {
			t.Fatal(name, err)
		}
		if !got.IsPointer() || !got.Names(x.Device) || got.Names("urn:uuid:2") || got.Phone() != x.Phone() {
			t.Errorf("%s: got %q of %q, which does not stand for %q of %q", name, got.Device, got.Phone(), x.Device, x.Phone())
		}
		want := Binding{
			User: x.User, Device: got.Device, Granted: x.Granted, Move: x.Move, Q: x.Q, RegID: x.RegID, Gone: x.Gone,
			Since: got.Since,
		}
		if x.Flow != 0 {
			want.Flow = remoteFlow
		}
		if diff := cmp.Diff(want, got, addresses()); diff != "" || got.came() != x.came() {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Nodes that know of each other's phones by pointers alone decide as those do that
// know all: the phone is where it registered last, and each phone is there once.
func TestPointersMeet(t *testing.T) {
	type world struct{ mons, namur *Bindings }
	var from, to journal
	meet := func(w world) {
		for key, value := range from.values {
			x, err := ParseShared(key, string(value))
			if err == nil {
				err = w.namur.LearnPointer("mons", PointerKey(key), x.AppendPointer(nil))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for key, value := range to.values {
			x, err := ParseShared(key, string(value))
			if err == nil {
				err = w.mons.LearnPointer("namur", PointerKey(key), x.AppendPointer(nil))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	is := func(b *Bindings, node string) {
		t.Helper()
		all := b.Of("201")
		if len(all) != 1 || all[0].Node != node {
			t.Errorf("%s knows %+v, want one at %s", b.node, all, node)
		}
		x, ok := b.Device("201", "urn:uuid:1")
		if !ok || x.Node != node {
			t.Errorf("%s has the device at %q, want %s", b.node, x.Node, node)
		}
		checkIndexes(t, b)
	}
	w := world{NewBindings("mons", &from), NewBindings("namur", &to)}
	w.mons.Put(phone())
	meet(w)
	is(w.namur, "mons")
	if x, _ := w.namur.Device("201", "urn:uuid:1"); x.Contact != "" || x.State(x.Since) != BindingUp {
		t.Errorf("got %+v, want a pointer to a phone that is up", x)
	}

	// It moves: who had it hears of that by a pointer, and gives it up.
	err := w.namur.Update("201", func(have []Binding) ([]Binding, error) { return append(have, phone()), nil })
	if err != nil {
		t.Fatal(err)
	}
	meet(w)
	is(w.mons, "namur")
	is(w.namur, "namur")
	if len(from.values) != 0 {
		t.Errorf("mons still says %v", from.values)
	}

	// It takes its registration back at the node that has a pointer, and registers
	// there after that.
	err = w.mons.Update("201", func([]Binding) ([]Binding, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	meet(w)
	for _, b := range []*Bindings{w.mons, w.namur} {
		if all := b.Of("201"); len(all) != 0 {
			t.Errorf("%s knows %+v, want nobody", b.node, all)
		}
	}
	w.mons.Put(phone())
	if x, _ := w.mons.Device("201", "urn:uuid:1"); len(from.values) != 1 || x.Node != "mons" || x.Device != "urn:uuid:1" {
		t.Errorf("mons says %v and has %+v, want one at itself", from.values, x)
	}
	meet(w)
	if x, ok := w.namur.Device("201", "urn:uuid:1"); !ok || x.Node != "mons" {
		t.Errorf("namur has the device at %q, want mons", x.Node)
	}
}

// A node may be known by both: what says more counts, and each goes by itself.
func TestPointerBesideBinding(t *testing.T) {
	b, x := NewBindings("laurel", nil), phone()
	learn := func(binding, pointer []byte) {
		t.Helper()
		if err := b.Learn("mons", x.Key(), binding); err != nil {
			t.Fatal(err)
		}
		if err := b.LearnPointer("mons", PointerKey(x.Key()), pointer); err != nil {
			t.Fatal(err)
		}
		checkIndexes(t, b)
	}
	learn(x.AppendShared(nil), x.AppendPointer(nil))
	if all := b.Of("201"); len(all) != 1 || all[0].Contact != x.Contact {
		t.Errorf("got %+v, want the binding alone", all)
	}
	learn(nil, x.AppendPointer(nil))
	if all := b.Of("201"); len(all) != 1 || !all[0].IsPointer() {
		t.Errorf("got %+v, want the pointer alone", all)
	}
	learn(nil, nil)
	if b.Count() != 0 {
		t.Errorf("got %d, want none", b.Count())
	}
}

// FuzzPointer: what a node says in error changes nothing, and what can be read
// points to where it says.
func FuzzPointer(f *testing.F) {
	x := phone(func(x *Binding) { x.Device, x.RegID = "urn:uuid:1#2", 2 })
	f.Add(PointerKey(x.Key()), x.AppendPointer(nil))
	f.Add("201", []byte{1, 0})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		b := NewBindings("laurel", nil)
		b.Put(phone())
		if b.LearnPointer("mons", key, value) != nil && b.Count() != 1 {
			t.Errorf("an error left %d bindings", b.Count())
		}
		for _, x := range b.All() {
			if x.Node == "mons" && (!x.IsPointer() || !x.Names(x.Device) || PointerKey(x.Key()) != key) {
				t.Errorf("%q of %q became %+v", value, key, x)
			}
		}
		if b.LearnPointer("mons", key, nil) == nil && len(b.Of("201")) != 1 {
			t.Errorf("%+v is left", b.All())
		}
		checkIndexes(t, b)
	})
}
