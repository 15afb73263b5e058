package session

import (
	"maps"
	"slices"
	"time"

	"carillon/cluster/replica"
)

// A Namespace is what this node says about itself in one channel. It satisfies
// cluster.Namespace: Set and Delete return at once, and may be called from
// Learned.
type Namespace struct {
	s *Sessions
	r *replica.Replica // guarded by s.mu
}

// Namespace returns our own namespace for a channel. What is set before Run is
// what peers learn first: they see no gap after a restart.
func (s *Sessions) Namespace(channel string) *Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.set.Get(s.o.Node, channel)
	r.Renew(s.inc)
	return &Namespace{s, r}
}

// Set says that key has a value now. The value is copied; what the peers know
// already is not said again. One larger than replica.MaxValue is logged and not
// said.
func (n *Namespace) Set(key string, value []byte) {
	if !replica.Fits(key, value) {
		n.s.log.Error("a value is too large to be shared", "channel", n.r.Channel(), "key_bytes", len(key), "value_bytes", len(value))
		return
	}
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.r.Set(key, value) {
		n.s.touchedLocked(n.r)
	}
}

// Keep is Set for a key and its value in one text, of which key bytes are the key.
// It keeps the text, also when that says nothing new: the caller may give up the
// one that it gave before.
func (n *Namespace) Keep(text string, key int) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.r.Keep(replica.Pair{Text: text, Cut: key}) {
		n.s.touchedLocked(n.r)
	}
}

// Has reports whether key has a value.
func (n *Namespace) Has(key string) bool {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	_, ok := n.r.Get(key)
	return ok
}

// Delete says that key is gone.
func (n *Namespace) Delete(key string) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.r.Delete(key) {
		n.s.touchedLocked(n.r)
	}
}

// Forget drops what is known of a node that will not come back, so that it is
// not passed on to others. Learned is not told, and hears nothing more of it, also
// from those who have not heard yet that it is gone, until Expect: it must not
// call Forget itself.
func (s *Sessions) Forget(owner string) {
	s.learning.Lock() // what is being learned comes before
	defer s.learning.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner == s.o.Node {
		return
	}
	for _, p := range s.order {
		for _, c := range []*conn{p.conn, p.left} {
			if c != nil {
				c.forgetLocked(owner)
			}
		}
	}
	s.set.Drop(owner)
	s.gone[owner] = true
}

// Expect says that there is a new node of a name that may have been forgotten.
func (s *Sessions) Expect(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone[owner] {
		return
	}
	delete(s.gone, owner)
	for _, p := range s.order {
		if c := p.conn; c != nil && c.deafTo[owner] {
			c.end() // the next one names again what this one did too early
		}
	}
}

func (c *conn) forgetLocked(owner string) {
	c.marked = slices.DeleteFunc(c.marked, func(st *stream) bool { return st.replica.Owner() == owner })
	maps.DeleteFunc(c.streams, func(r *replica.Replica, _ *stream) bool { return r.Owner() == owner })
}

// touchedLocked has all connections that carry r look at it.
func (s *Sessions) touchedLocked(r *replica.Replica) {
	for _, p := range s.order {
		if c := p.conn; c != nil && c.subscribed && s.sendsLocked(c, r) {
			c.markLocked(r)
		}
	}
}

// renewLocked gives all our namespaces a new incarnation.
func (s *Sessions) renewLocked(inc uint64) {
	s.inc = inc
	for r := range s.set.Of(s.o.Node) {
		r.Renew(inc)
		s.touchedLocked(r)
	}
}

// mostLeap is by how much another node may know a later incarnation of ours: who says
// more would have us reach the last one.
const mostLeap = 1 << 40

// outranked is called when a peer knows later things about us than we do: our
// memory was lost, and what it knows has to be outdone.
func (s *Sessions) outranked(inc uint64) {
	s.learning.Lock() // one at a time
	defer s.learning.Unlock()
	s.mu.Lock()
	known, leap := s.inc > inc, inc-s.inc
	s.mu.Unlock()
	if known || leap > mostLeap {
		return
	}
	if s.o.Renew != nil {
		if err := s.o.Renew(inc + 1); err != nil {
			s.log.Error("saving a new incarnation", "error", err)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewLocked(inc + 1)
	s.log.Warn("others know later things about this node than itself: it starts a new incarnation", "incarnation", inc+1)
}

const (
	memory      = time.Hour       // how long it is known that a key was deleted, if not all mains know it before
	memoryGrain = 5 * time.Minute // how exactly
	memoryLeast = 1000            // deletions that a node which hears no main remembers, however few keys it has
)

// A mark says which versions a namespace had at an instant.
type mark struct {
	at      time.Time
	version uint64
}

// collectLocked forgets deletions of our own that all living mains know, or that
// are older than memory. A node that hears no main keeps them as long as they are
// no more than what it has: else, back after days, it would have to tell all that
// it has, and not what has changed.
func (s *Sessions) collectLocked(now time.Time) {
	for r := range s.set.All() {
		if r.Owner() != s.o.Node { // which has fewer, and tells all that were away
			r.Age()
		}
	}
	for r := range s.set.Of(s.o.Node) {
		held, mains := s.heldLocked(r)
		alone := mains == 0 && s.o.Role != roleMain
		if alone {
			held = replica.Cursor{}
		}
		keep := alone && r.Deleted() <= r.Len()+memoryLeast
		marks := s.marks[r]
		for len(marks) > 0 && (marks[0].version <= held.Max || now.Sub(marks[0].at) >= memory && !keep) {
			r.Collect(marks[0].version)
			marks = marks[1:]
		}
		s.marks[r] = note(marks, mark{now, r.Cursor().Max}, r.Cursor().Floor)
	}
	s.tellHeldLocked()
	s.passOnLocked()
}

// note adds a mark, if there is anything that it may be good for.
func note(marks []mark, x mark, floor uint64) []mark {
	if n := len(marks); n == 0 && x.version > floor || n > 0 && x.version > marks[n-1].version {
		return append(marks, x)
	}
	return marks
}
