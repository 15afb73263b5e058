package live

import (
	"maps"
	"sync/atomic"
	"time"
)

// afterlife is how much longer than its own lifetime a binding of a silent node
// is shown: its owner may have refreshed it just before it fell silent, and may
// come back.
const afterlife = time.Minute

// silence says since when nothing is heard of a node. It is replaced, never
// changed, so that looking costs nothing. The zero silence is everybody alive.
type silence struct {
	since atomic.Pointer[map[string]time.Time]
}

// mark sets x.Silent, and returns false if x is not to be shown any more.
func (q *silence) mark(x *Binding, now time.Time) bool {
	all := q.since.Load()
	if all == nil || len(*all) == 0 {
		return true
	}
	since, silent := (*all)[x.Node]
	x.Silent = silent
	return !silent || now.Sub(since) <= x.Granted+afterlife
}

// SetNodeAlive notes that nothing is heard of another node, or that it is back.
// That orders what is tried, and deletes nothing: the bindings of a silent node
// are Silent, and when the silence lasts longer than their own lifetime they
// are not shown until it ends.
func (b *Bindings) SetNodeAlive(node string, alive bool) {
	b.silenceMu.Lock()
	defer b.silenceMu.Unlock()
	next := make(map[string]time.Time)
	if old := b.silent.since.Load(); old != nil {
		maps.Copy(next, *old)
	}
	_, silent := next[node]
	switch {
	case node == b.node || alive != silent:
		return
	case alive:
		delete(next, node)
	default:
		next[node] = time.Now()
	}
	b.silent.since.Store(&next)
}

// IsSilent reports whether nothing is heard of a node, as SetNodeAlive said.
func (b *Bindings) IsSilent(node string) bool {
	all := b.silent.since.Load()
	if all == nil {
		return false
	}
	_, silent := (*all)[node]
	return silent
}

// Forget drops all that was learned from a node, which will not come back.
func (b *Bindings) Forget(node string) {
	if node == b.node {
		return
	}
	for i := range b.shards {
		b.forget(&b.shards[i], node)
	}
	b.SetNodeAlive(node, true)
}

func (b *Bindings) forget(s *shard, node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.users.all() {
		if e.node() == node {
			s.remove(e)
		}
	}
}
