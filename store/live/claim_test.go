package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLearnInAnyOrder: what a node knows does not depend on the order in which
// it heard from several owners, only on each owner's last word.
func TestLearnInAnyOrder(t *testing.T) {
	noon := time.Unix(1_800_000_000, 0)
	owners := []string{"hardy", "stan", "zeno"}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		says := make(map[string][][]byte, len(owners)) // each owner's words in their order
		for _, owner := range owners {
			for range 1 + r.IntN(3) {
				x := phone(func(x *Binding) {
					x.Flow, x.Move = uint64(r.IntN(2)), uint32(r.IntN(3))
					x.Since = noon.Add(time.Duration(r.IntN(3)) * -time.Hour)
					x.Contact = fmt.Sprintf("sip:201@%s:%d", owner, r.IntN(9))
					x.Gone = r.IntN(5) == 0
				})
				words := x.AppendShared(nil)
				if r.IntN(4) == 0 {
					words = nil
				}
				says[owner] = append(says[owner], words)
			}
		}
		want := heard(t, says, owners, r)
		for range 5 {
			if diff := cmp.Diff(want, heard(t, says, owners, r)); diff != "" {
				t.Fatalf("seed %d: another order, another result:\n%s", seed, diff)
			}
		}
	}
}

// heard tells a node all that was said, mixing the owners at random.
func heard(t *testing.T, says map[string][][]byte, owners []string, r *rand.Rand) string {
	t.Helper()
	var turns []string
	for _, owner := range owners {
		turns = append(turns, slices.Repeat([]string{owner}, len(says[owner]))...)
	}
	r.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	b, next := NewBindings("laurel", nil), map[string]int{}
	x := phone()
	for _, owner := range turns {
		if err := b.Learn(owner, x.Key(), says[owner][next[owner]]); err != nil {
			t.Fatal(err)
		}
		next[owner]++
	}
	checkIndexes(t, b)
	got, _ := b.Device(x.User, x.Device)
	if n := len(b.Of(x.User)); n > 1 || n != b.Count() {
		t.Errorf("the device is shown %d times, counted %d times", n, b.Count())
	}
	return got.Node + " " + got.Contact
}

// Symptom: two nodes that each knew only the other's older word both showed the
// device as their own.
func TestTheLoserOfAClaimIsRemembered(t *testing.T) {
	b := NewBindings("laurel", nil)
	up, down := phone(), phone(func(x *Binding) { x.Flow = 0 })
	for _, said := range []struct {
		node string
		x    Binding
	}{{"hardy", up}, {"zeno", down}, {"hardy", down}} {
		if err := b.Learn(said.node, said.x.Key(), said.x.AppendShared(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if x, _ := b.Device(up.User, up.Device); x.Node != "zeno" {
		t.Errorf("the device is at %q, want zeno: the larger name, as neither has its flow", x.Node)
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBindings("laurel", nil)
		x := phone() // granted a minute
		learn := func() {
			if err := b.Learn("hardy", x.Key(), x.AppendShared(nil)); err != nil {
				t.Fatal(err)
			}
		}
		learn()
		b.Put(phone(func(x *Binding) { x.Device, x.Granted, x.Expires = "here", time.Hour, time.Now().Add(time.Hour) }))
		check := func(when string, shown, silent int) {
			t.Helper()
			list := b.Of(x.User)
			n := 0
			for _, y := range list {
				if y.Silent {
					n++
				}
			}
			if _, ok := b.Device(x.User, x.Device); ok != (shown == 2) || len(list) != shown || n != silent {
				t.Errorf("%s: %d shown, %d of them silent (the device: %v), want %d, %d", when, len(list), n, ok, shown, silent)
			}
		}
		check("alive", 2, 0)
		b.SetNodeAlive("hardy", false)
		b.SetNodeAlive("laurel", false) // nobody is silent to himself
		check("silent", 2, 1)
		time.Sleep(2 * time.Minute)
		b.SetNodeAlive("hardy", false) // said again: the silence is as old as before
		check("silent for its lifetime and a minute", 2, 1)
		time.Sleep(time.Second)
		check("silent for longer", 1, 0)
		b.SetNodeAlive("hardy", true)
		check("back", 2, 0)
		b.Forget("hardy")
		check("forgotten", 1, 0)
		b.Forget("laurel")
		check("nobody forgets himself", 1, 0)
		checkIndexes(t, b)
	})
}
