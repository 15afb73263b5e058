package simulator

import (
	"testing"
	"testing/synctest"

	"carillon/cluster/replica"
)

// TestGap: of three deltas the second is lost. The third must not be taken, for
// nobody would send again what is missing; the reader says where it stands, and
// what comes then is taken.
func TestGap(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		w := newWorld(1)
		owner, reader := w.nodes[0], w.nodes[1]
		var deltas []replica.Delta
		at := replica.Cursor{}
		for _, p := range w.phones[:3] {
			p.register(w, 0)
			d, _ := owner.own.DeltaSince(at, 1<<20)
			deltas, at = append(deltas, d), d.Next()
		}
		reader.learn(owner.name, deltas[0])
		stands, again := reader.learn(owner.name, deltas[2])
		if w.err == nil && (!again || stands != deltas[0].Next()) {
			w.fails("after a gap the reader asks again: %v, from %v; want from %v", again, stands, deltas[0].Next())
		}
		d, _ := owner.own.DeltaSince(stands, 1<<20)
		reader.learn(owner.name, d)
		if n := reader.set.Get(owner.name, channel).Len(); w.err == nil && n != 3 {
			w.fails("the reader has %d keys, want 3", n)
		}
		if w.err != nil {
			t.Errorf("violation: %v", w.err)
		}
	})
}
