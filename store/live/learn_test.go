package live

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLearn(t *testing.T) {
	key := phone().Key()
	noon := time.Now()
	came := func(x *Binding) { x.Since = noon }
	shared := func(edit ...func(*Binding)) []byte {
		x := phone(append([]func(*Binding){came}, edit...)...)
		return x.AppendShared(nil)
	}
	later := func(x *Binding) { x.Since = noon.Add(5 * time.Second) }
	wrong := func(x *Binding) { x.Since = noon.Add(time.Hour) }
	down := func(x *Binding) { x.Flow = 0 }
	moved := func(x *Binding) { x.Move = 1 }
	tests := []struct {
		name   string
		own    bool // the device is here first
		node   string
		values [][]byte
		want   string // who has the device at the end
		writes []string
	}{
		{"news", false, "hardy", [][]byte{shared()}, "hardy", nil},
		{"and gone", false, "hardy", [][]byte{shared(), nil}, "", nil},
		{"it moved away", true, "hardy", [][]byte{shared(moved)}, "hardy", []string{"delete " + key}},
		{"it is here, an old tale", true, "zeno", [][]byte{shared(down, moved)}, "laurel", nil},
		{"equal claims, larger name there", true, "zeno", [][]byte{shared()}, "zeno", []string{"delete " + key}},
		{"equal claims, larger name here", true, "hardy", [][]byte{shared()}, "laurel", nil},
		{"equal claims, later there", true, "hardy", [][]byte{shared(later)}, "hardy", []string{"delete " + key}},
		{"equal claims, a clock that is ahead there", true, "hardy", [][]byte{shared(wrong)}, "hardy", []string{"delete " + key}},
		{"another's end is not ours", true, "hardy", [][]byte{nil}, "laurel", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j journal
			b := NewBindings("laurel", &j)
			if tt.own {
				b.Put(phone(came))
				j.take()
			}
			for _, v := range tt.values {
				if err := b.Learn(tt.node, key, v); err != nil {
					t.Fatal(err)
				}
			}
			x, _ := b.Device("201", "urn:uuid:1")
			if x.Node != tt.want {
				t.Errorf("the device is at %q, want %q", x.Node, tt.want)
			}
			if diff := cmp.Diff(tt.writes, j.take()); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
			if _, ok := b.Own(key); ok != (tt.want == "laurel") {
				t.Errorf("Own says %v of a binding at %q", ok, tt.want)
			}
			checkIndexes(t, b)
		})
	}
}

func TestAPhoneComesFromAnotherNode(t *testing.T) {
	var j journal
	b := NewBindings("laurel", &j)
	theirs := phone(func(x *Binding) { x.Move = 3 })
	if err := b.Learn("zeno", theirs.Key(), theirs.AppendShared(nil)); err != nil {
		t.Fatal(err)
	}
	if b.HasFlow(remoteFlow) || b.UsersOn(remoteFlow, "201") {
		t.Error("another node's flow counts as ours")
	}
	err := b.Update("201", func(have []Binding) ([]Binding, error) {
		if len(have) != 1 || have[0].Node != "zeno" {
			t.Errorf("got %v, want the binding at zeno", have)
		}
		return []Binding{phone()}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	x, _ := b.Device("201", "urn:uuid:1")
	if x.Node != "laurel" || x.Move != 4 {
		t.Errorf("the device is at %q after %d moves, want laurel after 4", x.Node, x.Move)
	}

	// The loser hears of it and gives up, the winner keeps it.
	other := NewBindings("zeno", nil)
	other.Put(theirs)
	if err := other.Learn("laurel", x.Key(), j.values[x.Key()]); err != nil {
		t.Fatal(err)
	}
	if y, _ := other.Device("201", "urn:uuid:1"); y.Node != "laurel" {
		t.Errorf("zeno thinks that the device is at %q", y.Node)
	}
}

// TestWrongClocks: nodes whose clocks are minutes or an hour apart show a device
// at the same place, and once the phone is heard again, at the right one. Symptom:
// each of two nodes took the other's clock for wrong and kept the device for ever.
func TestWrongClocks(t *testing.T) {
	key := phone().Key()
	for _, ahead := range []time.Duration{-5 * time.Minute, -time.Minute, 59 * time.Second, 61 * time.Second, 5 * time.Minute, time.Hour} {
		var atLaurel, atZeno journal
		laurel, zeno, third := NewBindings("laurel", &atLaurel), NewBindings("zeno", &atZeno), NewBindings("hardy", nil)
		exchange := func() {
			t.Helper()
			for _, said := range []struct {
				from string
				j    *journal
				to   []*Bindings
			}{{"laurel", &atLaurel, []*Bindings{zeno, third}}, {"zeno", &atZeno, []*Bindings{laurel, third}}} {
				value := said.j.values[key]
				for _, b := range said.to {
					if err := b.Learn(said.from, key, value); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		places := func() (at []string) {
			for _, b := range []*Bindings{laurel, zeno, third} {
				x, _ := b.Device("201", "urn:uuid:1")
				at = append(at, x.Node)
			}
			return slices.Compact(at)
		}
		zeno.Put(phone(func(x *Binding) { x.Since = time.Now().Add(ahead) })) // the line between them is cut
		laurel.Put(phone(func(x *Binding) { x.Since = time.Now().Add(time.Second) }))
		exchange()
		exchange()
		if got := places(); len(got) != 1 {
			t.Errorf("%v ahead: the device is at %q, want one place", ahead, got)
		}
		err := laurel.Update("201", func([]Binding) ([]Binding, error) { return []Binding{phone()}, nil })
		if err != nil {
			t.Fatal(err)
		}
		exchange()
		exchange()
		if got := places(); !slices.Equal(got, []string{"laurel"}) {
			t.Errorf("%v ahead: the phone refreshed at laurel, and is at %q", ahead, got)
		}
		if x, _ := laurel.Device("201", "urn:uuid:1"); time.Until(x.Since) > 2*time.Second {
			t.Errorf("%v ahead: laurel took that clock over: since %v", ahead, x.Since)
		}
	}
}

func TestUpdateLeavesOtherNodesAlone(t *testing.T) {
	var j journal
	b := NewBindings("laurel", &j)
	theirs := phone(func(x *Binding) { x.Device = "urn:uuid:2" })
	if err := b.Learn("zeno", theirs.Key(), theirs.AppendShared(nil)); err != nil {
		t.Fatal(err)
	}
	err := b.Update("201", func(have []Binding) ([]Binding, error) { return append(have, phone()), nil })
	if err != nil {
		t.Fatal(err)
	}
	if y, _ := b.Device("201", "urn:uuid:2"); y.Node != "zeno" {
		t.Errorf("the other device is at %q, want zeno", y.Node)
	}
	if got := j.take(); len(got) != 1 {
		t.Errorf("got %q, want one entry", got)
	}
}

// TestUnregisteredElsewhere: a phone that unregisters at a node which does not
// have it is dropped by the one that has, though that one hears of it late.
func TestUnregisteredElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var atLaurel, atZeno journal
		laurel, zeno := NewBindings("laurel", &atLaurel), NewBindings("zeno", &atZeno)
		learn := func(to *Bindings, from string, value []byte) {
			t.Helper()
			if err := to.Learn(from, phone().Key(), value); err != nil {
				t.Fatal(err)
			}
		}
		shown := func(when string, here, there bool) {
			t.Helper()
			for b, want := range map[*Bindings]bool{laurel: here, zeno: there} {
				_, ok := b.Device("201", "urn:uuid:1")
				if n := len(b.Of("201")); ok != want || n != b.Count() || n > 1 || (n == 1) != want {
					t.Errorf("%s: %s shows it: %v, %d of them, counts %d, want %v", when, b.node, ok, n, b.Count(), want)
				}
				checkIndexes(t, b)
			}
		}
		key := phone().Key()
		zeno.Put(phone(func(x *Binding) { x.Move, x.Expires = 3, time.Now().Add(x.Granted) }))
		learn(laurel, "zeno", atZeno.values[key])
		shown("registered", true, true)

		all := func([]Binding) ([]Binding, error) { return nil, nil }
		if err := laurel.Update("201", all); err != nil {
			t.Fatal(err)
		}
		shown("unregistered at laurel", false, true)
		learn(zeno, "laurel", atLaurel.values[key])
		shown("zeno has heard of it", false, false)
		if got := atZeno.take(); got[len(got)-1] != "delete "+key {
			t.Errorf("zeno says %q, want that it has the device no more", got)
		}
		if _, ok := laurel.Own(key); ok {
			t.Error("laurel would keep on disk what is gone")
		}

		zeno.Put(phone(func(x *Binding) { x.Expires = time.Now().Add(x.Granted) }))
		shown("registered at zeno again", false, true)
		learn(laurel, "zeno", atZeno.values[key])
		shown("laurel has heard of it", true, true)
		laurel.Put(phone())
		shown("registered at laurel", true, true)
		learn(zeno, "laurel", atLaurel.values[key])
		if x, _ := zeno.Device("201", "urn:uuid:1"); x.Node != "laurel" {
			t.Errorf("zeno thinks that the device is at %q", x.Node)
		}
	})
}

// TestTheWordThatItIsGoneEnds: the claim that a phone is gone is no longer kept
// than its owner may believe in it.
func TestTheWordThatItIsGoneEnds(t *testing.T) {
	var j journal
	b, x := NewBindings("laurel", &j), phone()
	if err := b.Learn("zeno", x.Key(), x.AppendShared(nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.Update("201", func([]Binding) ([]Binding, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	b.Expire(time.Now().Add(x.Granted))
	if got := j.take(); len(got) != 1 {
		t.Errorf("got %q, want the claim alone", got)
	}
	b.Expire(time.Now().Add(x.Granted + afterlife + time.Second))
	if got := j.take(); len(got) != 1 || got[0] != "delete "+x.Key() {
		t.Errorf("got %q, want its end", got)
	}
	checkIndexes(t, b)
}

// TestUpdateForgetsNothingUnseen: what is not shown, because its node is silent
// for long, is not dropped by who registers meanwhile.
func TestUpdateForgetsNothingUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		b, x := NewBindings("laurel", &j), phone()
		if err := b.Learn("zeno", x.Key(), x.AppendShared(nil)); err != nil {
			t.Fatal(err)
		}
		b.SetNodeAlive("zeno", false)
		time.Sleep(x.Granted + afterlife + time.Second)
		other := phone(func(x *Binding) { x.Device = "urn:uuid:2" })
		if err := b.Update("201", func([]Binding) ([]Binding, error) { return []Binding{other}, nil }); err != nil {
			t.Fatal(err)
		}
		if got := j.take(); len(got) != 1 || got[0] != "set "+other.Key() {
			t.Errorf("got %q, want the other device alone", got)
		}
		b.SetNodeAlive("zeno", true)
		if y, ok := b.Device(x.User, x.Device); !ok || y.Node != "zeno" {
			t.Errorf("the phone of a node that is back: got %+v, %v", y, ok)
		}
	})
}

func TestLearnRefusesRubbish(t *testing.T) {
	x := phone()
	good := x.AppendShared(nil)
	tests := []struct {
		name, node, key string
		value           []byte
	}{
		{"a key without a device", "hardy", "201", good},
		{"one's own name", "laurel", x.Key(), good},
		{"a later version", "hardy", x.Key(), append([]byte{99}, good[1:]...)},
		{"cut short", "hardy", x.Key(), good[:len(good)-3]},
		{"a number too large", "hardy", x.Key(), []byte{1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBindings("laurel", nil)
			if err := b.Learn(tt.node, tt.key, tt.value); err == nil {
				t.Error("got no error")
			}
			if b.Count() != 0 {
				t.Error("something was learned")
			}
		})
	}
}

func ExampleBindings_Learn() {
	laurel, hardy := NewBindings("laurel", nil), NewBindings("hardy", nil)
	x := Binding{User: "201", Device: "d", Contact: "sip:201@192.0.2.1", Transport: "udp", Flow: 1}
	_ = laurel.Learn("hardy", x.Key(), x.AppendShared(nil)) // what hardy's journal carried
	fmt.Println(laurel.Of("201")[0].Node, len(hardy.Of("201")))
	// Output: hardy 0
}

// What another node says that is too large to keep is an error, and what it said before
// is not kept either: calls would go where the phone is no more.
func TestLearnTooLarge(t *testing.T) {
	b, x := NewBindings("laurel", nil), phone()
	good := x.AppendShared(nil)
	if err := b.Learn("hardy", x.Key(), good); err != nil {
		t.Fatal(err)
	}
	if err := b.Learn("hardy", x.Key(), append(good, make([]byte, maxText)...)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
	if all := b.All(); len(all) != 0 {
		t.Errorf("it has %+v", all)
	}
}
