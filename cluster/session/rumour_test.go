package session

import (
	"math"
	"strings"
	"testing"
	"time"
)

// A branch kept for ever what its owner does not say any more: the mains had lost their
// memory while they did not hear the owner, which was rolled back meanwhile. The one
// node that knows more than all others does not talk to the owner: its main does.
func TestAnOwnerHearsOfWhatABranchAloneKnows(t *testing.T) {
	for _, c := range []struct {
		name  string
		mains []string
		inc   uint64
		after []string
	}{
		{"an earlier incarnation", []string{"m1"}, 7, []string{"204"}},
		{"an earlier incarnation, two mains", []string{"m1", "m2"}, 7, []string{"204"}},
		{"fewer versions", []string{"m1"}, 9, []string{"204"}},
		{"as many versions", []string{"m1"}, 9, []string{"204", "205", "206"}},
		{"more versions", []string{"m1"}, 9, []string{"204", "205", "206", "207"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHouse(t, len(c.mains), []string{"mons", "liege"}, func(h *house) {
				mons := h.forgetAll(c.inc, c.mains...)
				want := map[string]string{}
				for _, key := range c.after {
					mons.reg.Set(key, []byte("after"))
					want["mons/reg/"+key] = "after"
				}
				time.Sleep(30 * time.Second)
				h.n.heal()
				time.Sleep(20 * time.Second)
				h.wants(want)
			})
		})
	}
}

// What differs from what a branch never had was no delta to it, and ended each session
// with its main. It hears the whole then, and finds that there are two histories.
func TestADifferenceFromAnotherHistory(t *testing.T) {
	inHouse(t, 1, []string{"mons", "liege"}, func(h *house) {
		mons, long := h.forgetAll(9, "m1"), strings.Repeat("a", 100)
		h.n.setBoth("liege", "m1", true)
		h.n.setBoth("mons", "m1", false)
		want := map[string]string{}
		for _, x := range [][2]string{{"204", "d"}, {"205", "e"}, {"201", long}, {"201", long + "b"}} {
			mons.reg.Set(x[0], []byte(x[1]))
			want["mons/reg/"+x[0]] = x[1]
			time.Sleep(10 * time.Second)
		}
		h.n.heal()
		time.Sleep(10 * time.Second)
		h.wants(want)
	})
}

// forgetAll has mons say three things that liege alone knows in the end: mons is cut off,
// and starts again under an incarnation as the mains do.
func (h *house) forgetAll(inc uint64, mains ...string) (mons *node) {
	h.nodes["mons"].stop()
	mons = h.start("mons", 9)
	for _, key := range []string{"201", "202", "203"} {
		mons.reg.Set(key, []byte("before"))
	}
	time.Sleep(5 * time.Second)
	for _, m := range mains {
		h.n.setBoth("mons", m, true)
	}
	mons.stop()
	for _, m := range mains {
		h.nodes[m].stop()
		h.start(m, 2)
	}
	return h.start("mons", inc)
}

// Nobody can have a node reach the last incarnation that there is.
func TestAnIncarnationDoesNotLeap(t *testing.T) {
	inHouse(t, 1, nil, func(h *house) {
		for _, c := range []struct{ told, want uint64 }{{math.MaxUint64, 1}, {2 + mostLeap, 1}, {1, 2}, {1 + mostLeap, 2 + mostLeap}} {
			h.nodes["m1"].outranked(c.told)
			if got := h.nodes["m1"].reg.r.Cursor().Inc; got != c.want {
				t.Errorf("who is told of %d begins %d, want %d", c.told, got, c.want)
			}
		}
	})
}
