package session

import (
	"math"

	"carillon/cluster/replica"
)

// Who sends what to whom, so that a delta crosses each line once:
//
//   - A node sends its own namespaces to its peers; one that is no main, of the
//     mains to its primary only.
//   - A main sends everything to the lifeguards whose primary it is, and to the
//     other mains what it has from these.
//   - A channel that is for some sites alone goes to their lifeguards only; to the
//     mains all go.
//   - The primary is the first main in the order of the peers that is worth it:
//     see primary.go.

// A scope is what a node wants of a peer.
type scope uint8

const (
	scopeNone scope = iota
	scopeOwn        // the peer's own namespaces, and what it passes on by itself
	scopeAll        // all namespaces and the configuration: the peer is its primary
)

// sendsLocked reports whether r travels over c from here.
func (s *Sessions) sendsLocked(c *conn, r *replica.Replica) bool {
	to := c.peer
	switch {
	case c.scope == scopeNone || r.Owner() == to.Node || !s.concernsLocked(c, r.Channel()):
		return false
	case s.o.Role != roleMain && to.role() == roleMain && to != s.primary:
		return false
	case r.Owner() == s.o.Node:
		return true
	case s.o.Role != roleMain:
		return false
	case to.role() == roleMain:
		return s.isPrimaryOfLocked(r.Owner())
	}
	return c.scope == scopeAll && to.Relay
}

// concernsLocked reports whether the far end of c wants a channel. One of version
// 1 wants all: it does not know that there are channels for some alone.
func (s *Sessions) concernsLocked(c *conn, channel string) bool {
	if interestIn(c.far.classes, channel).filter.None() {
		return false
	}
	return s.o.Concerns == nil || c.version < 2 || c.peer.role() == roleMain || s.o.Concerns(c.peer.Site, channel)
}

// isPrimaryOfLocked reports whether a node has chosen us.
func (s *Sessions) isPrimaryOfLocked(node string) bool {
	p := s.peers[node]
	return p != nil && p.conn != nil && p.conn.scope == scopeAll && p.role() != roleMain
}

func (c *conn) wantLocked(want scope) {
	c.wants, c.mustSubscribe = want, true
	c.hurry()
}

// firstWant is what to ask of a peer as soon as a session stands.
func (s *Sessions) firstWant(p *peer) scope {
	if s.o.Role != roleMain && p.role() == roleMain {
		return scopeNone // unless it becomes the primary
	}
	return scopeOwn
}

// A have is how much of a namespace a subscriber has. Of which versions it has
// heard, and what it has in all, are told since version 2.
type have struct {
	owner, channel string
	cursor         replica.Cursor
	heard          uint64
	check          replica.Check
}

// subscriptionLocked says what we want of a peer, and what we have of that.
func (s *Sessions) subscriptionLocked(c *conn) subscription {
	sub := subscription{scope: c.wants, checks: c.version >= 2}
	if c.wants == scopeNone {
		return sub
	}
	for r := range s.set.All() {
		fromOwner := r.Owner() == c.peer.Node
		if r.Owner() == s.o.Node || !fromOwner && c.wants != scopeAll && (s.o.Role != roleMain || c.peer.role() != roleMain) {
			continue
		}
		if r.Restart(); r.Known().Inc > 0 {
			h := have{r.Owner(), r.Channel(), r.Awaits(), max(r.Heard(), r.Known().Max), 0}
			if r.Complete() {
				h.check = r.Check()
			}
			sub.haves = append(sub.haves, h)
		}
	}
	return sub
}

// subscribedLocked takes what the far end of c wants. It returns an incarnation
// of ours that we do not know, else 0.
func (s *Sessions) subscribedLocked(c *conn, sub subscription) (unknown uint64) {
	becomes := sub.scope == scopeAll && c.scope != scopeAll
	c.scope, c.subscribed = sub.scope, true
	for r, st := range c.streams {
		st.sent, st.level, st.claimed, st.wish = replica.Cursor{}, false, false, c.far.wish(r)
	}
	for _, h := range sub.haves {
		if s.set.Len() >= maxNamespaces {
			break
		}
		r := s.set.Get(h.owner, h.channel)
		st := c.streamLocked(r)
		x := replica.Claim{Cursor: h.cursor, Check: h.check, Filter: st.wish.Filter}
		x.Max = max(x.Max, h.heard)
		if s.claimedLocked(r, x) {
			unknown = max(unknown, x.Inc)
		}
		st.sent, st.claimed = h.cursor, h.check != 0
	}
	s.markAllLocked(c)
	if becomes {
		s.offerToMainsLocked(c.peer)
	}
	return unknown
}

// markAllLocked has c look at all that the far end lacks.
func (s *Sessions) markAllLocked(c *conn) {
	if c == nil || !c.subscribed {
		return
	}
	for r := range s.set.All() {
		if s.sendsLocked(c, r) && r.Cursor().Compare(c.streamLocked(r).sent) > 0 {
			c.markLocked(r)
		}
	}
}

// offerToMainsLocked is called when we have become the primary of p: the other
// mains get its changes from us now, and may lack what its last primary took
// down with it.
func (s *Sessions) offerToMainsLocked(p *peer) {
	for _, other := range s.order {
		if c := other.conn; c != nil && c.subscribed && other.role() == roleMain {
			for r := range s.set.Of(p.Node) {
				c.offerLocked(r)
			}
		}
	}
}

// maxNamespaces bounds what other nodes can make us keep.
const maxNamespaces = math.MaxUint16
