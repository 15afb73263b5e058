package simulator

import (
	"testing"
	"testing/synctest"

	"carillon/cluster/replica"
)

// TestClaim: the owner is rolled back to an earlier life, and all who hear it have lost
// their memory. Only a watcher that does not talk to it knows more: the owner hears of
// that and begins a later life, else the watcher would keep what it has for ever.
func TestClaim(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		w := newWorld(1)
		owner, far := w.nodes[0], w.watched[1]
		owner.own.Renew(7)
		owner.begin()
		w.phones[0].register(w, 0)
		far.want(replica.Filter{})
		w.settle("at first")
		for _, n := range w.nodes[1:] {
			n.restart()
		}
		w.watched[0].restart()
		owner.loseDisk()
		w.settle("when only a watcher knows more")
		if r := far.set.Get(owner.name, channel); w.err == nil && r.Cursor().Inc != 8 {
			w.fails("the watcher is at %v, want incarnation 8", r.Cursor())
		}
		if w.err != nil {
			t.Errorf("violation: %v", w.err)
		}
	})
}
