package address

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A town is nodes on one LAN in time that does not pass by itself: frames arrive at
// once, and kernels answer for the address and drop it as Linux does.
type town struct {
	now   time.Time
	nodes []*simulated
	took  int // how often anybody took the address
}

type simulated struct {
	rule
	plugged, running bool
	part             int           // of the LAN; others' parts are not heard
	phase            time.Duration // when it beats
	until            time.Time     // the kernel has the address
}

func newTown(count int) *town {
	w := &town{now: time.Unix(1000, 0)}
	for i := range count {
		w.nodes = append(w.nodes, &simulated{
			rule:    rule{self: mac{2, 0, 0, 0, 0, byte(i + 1)}},
			plugged: true, running: true, phase: time.Duration(i*70) * time.Millisecond % beat,
		})
	}
	return w
}

// pass lets time pass, in steps of 10 ms.
func (w *town) pass(d time.Duration) {
	const step = 10 * time.Millisecond
	for range d / step {
		w.now = w.now.Add(step)
		for _, n := range w.nodes {
			if n.running && w.now.Sub(time.Unix(1000, 0))%beat == n.phase {
				w.do(n, n.tick(w.now, n.plugged))
			}
		}
	}
}

func (w *town) do(n *simulated, what acts) {
	if what&give != 0 {
		n.until = time.Time{}
	}
	if what&take != 0 {
		w.took++
	}
	if what&(take|renew) != 0 {
		n.until = w.now.Add(lifetime)
		n.kept(w.now)
	}
	if what&announce != 0 {
		w.tell(n, mac{}, true)
	}
	if what&probe != 0 {
		w.tell(n, n.ask(), false)
	}
}

// tell brings what n says to whom it reaches; of those who hold the address, the
// kernel answers.
func (w *town) tell(n *simulated, to mac, claims bool) {
	for _, other := range w.nodes {
		if other == n || !n.plugged || !other.plugged || other.part != n.part || to != (mac{}) && to != other.self {
			continue
		}
		if other.running {
			w.do(other, other.heard(w.now, sighting{n.self, claims}))
		}
		if !claims && other.until.After(w.now) && n.running {
			w.do(n, n.heard(w.now, sighting{other.self, true}))
		}
	}
}

// holders returns who has the address and can be reached in a part of the LAN.
func (w *town) holders(part int) (found []int) {
	for i, n := range w.nodes {
		if n.until.After(w.now) && n.plugged && n.part == part {
			found = append(found, i)
		}
	}
	return found
}

// soon is how long an address that nobody holds may stay so.
const soon = 2 * time.Second

// settles lets time pass until exactly one node has the address, and says how long
// that took.
func (w *town) settles(tb testing.TB) (holder int, took time.Duration) {
	tb.Helper()
	for began := w.now; w.now.Sub(began) <= soon; w.pass(10 * time.Millisecond) {
		if found := w.holders(0); len(found) == 1 {
			return found[0], w.now.Sub(began)
		}
	}
	tb.Fatalf("not within %v: one holder; there are %v", soon, w.holders(0))
	return 0, 0
}

// Two nodes start, and one is unplugged, plugged in again, and the other killed:
// each time another has the address in time, and nobody takes it who need not.
func TestTwoNodesShareIt(t *testing.T) {
	t.Parallel()
	w := newTown(2)
	first, _ := w.settles(t)
	if first != 0 {
		t.Errorf("the node with the higher address went first")
	}
	w.pass(time.Minute)
	w.nodes[first].plugged = false
	second, took := w.settles(t)
	t.Logf("unplugged: %v", took)
	w.nodes[first].plugged = true
	w.pass(time.Minute)
	if found := fmt.Sprint(w.holders(0)); found != fmt.Sprint([]int{second}) || w.took != 2 {
		t.Fatalf("after it is plugged in again: held by %s, taken %d times; want [%d], 2", found, w.took, second)
	}
	w.nodes[second].running = false // as by kill -9: its kernel has the address a while longer
	w.pass(lifetime)
	_, took = w.settles(t)
	t.Logf("killed: %v", lifetime+took)
	w.nodes[second].rule, w.nodes[second].running = rule{self: w.nodes[second].self}, true
	w.pass(time.Minute)
	if found := fmt.Sprint(w.holders(0)); found != fmt.Sprint([]int{first}) || w.took != 3 {
		t.Errorf("after it is started again: held by %s, taken %d times; want [%d], 3", found, w.took, first)
	}
}

// A drained holder leaves the address to the other node within the time in which a
// killed one would lose it, and has it again when that one is gone. Of two that are
// both drained, or where the other cannot take it, it changes once a minute at most.
func TestADrainedNodeLeavesItToTheOther(t *testing.T) {
	t.Parallel()
	w := newTown(2)
	first, _ := w.settles(t)
	w.pass(time.Minute)
	w.nodes[first].modest = true
	w.pass(beat + 10*time.Millisecond)
	second, took := w.settles(t)
	t.Logf("drained: silent for %v", took)
	if w.pass(time.Hour); first == second || w.took != 2 || fmt.Sprint(w.holders(0)) != fmt.Sprint([]int{second}) {
		t.Fatalf("held by %d, then by %d, an hour later by %v; taken %d times, want 2", first, second, w.holders(0), w.took)
	}
	w.nodes[second].plugged = false
	w.pass(modesty * beat)
	if again, _ := w.settles(t); again != first {
		t.Errorf("when the other is gone: held by %d, want %d", again, first)
	}
	w.nodes[second].plugged = true
	w.pass(time.Minute)
	w.nodes[second].modest, w.nodes[first].modest = true, false
	w.pass(time.Minute)
	w.nodes[second].modest = false // and at once it is as quick as any
	w.nodes[first].plugged = false
	if holder, _ := w.settles(t); holder != second {
		t.Errorf("drained no more: held by %d, want %d", holder, second)
	}
	w.nodes[first].plugged = true
	w.nodes[first].modest, w.nodes[second].modest = true, true
	w.took = 0
	if w.pass(10 * time.Minute); w.took > 11 {
		t.Errorf("of two that are drained the address changed hands %d times in ten minutes", w.took)
	}
}

// A LAN in two parts has a holder in each; when it is whole again, one of them
// gives it up, and it is the same one always.
func TestThePartsOfALANJoin(t *testing.T) {
	t.Parallel()
	for first := range 2 {
		w := newTown(2)
		w.nodes[1-first].plugged = false
		w.settles(t)
		w.nodes[1-first].plugged, w.nodes[1-first].part = true, 1
		w.pass(5 * time.Second)
		if len(w.holders(0))+len(w.holders(1)) != 2 {
			t.Fatalf("in parts: held by %v and %v", w.holders(0), w.holders(1))
		}
		w.nodes[1-first].part = 0
		if holder, took := w.settles(t); holder != 0 {
			t.Errorf("held by %d after %v, want 0", holder, took)
		}
		if w.pass(time.Minute); len(w.holders(0)) != 1 || w.took != 2 {
			t.Errorf("a minute later: held by %v, taken %d times", w.holders(0), w.took)
		}
	}
}

// Whatever happens to nodes and LAN: some seconds after it is over there is exactly
// one holder, and a process that stood still holds nothing that another has.
func TestOneHolderInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newTown(rapid.IntRange(1, 4).Draw(rt, "nodes"))
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			n := w.nodes[rapid.IntRange(0, len(w.nodes)-1).Draw(rt, "node")]
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				n.plugged = !n.plugged
			case 1:
				n.part = 1 - n.part
			case 2:
				n.running = !n.running // it stands still, or goes on
			case 3:
				n.modest = !n.modest
			}
			w.pass(time.Duration(rapid.IntRange(0, 500).Draw(rt, "pause")) * 10 * time.Millisecond)
		}
		for _, n := range w.nodes {
			n.plugged, n.part, n.running, n.modest = true, 0, true, false
		}
		w.pass(5 * time.Second)
		before := fmt.Sprint(w.holders(0))
		taken := w.took
		w.pass(30 * time.Second)
		if after := fmt.Sprint(w.holders(0)); len(w.holders(0)) != 1 || before != after || taken != w.took {
			rt.Fatalf("five seconds after all is well: held by %s; later by %s, taken %d times more", before, after, w.took-taken)
		}
	})
}
