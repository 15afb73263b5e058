package session

import (
	"maps"
	"time"

	"carillon/cluster/link"
)

// A Line is all that is known about the line to a peer.
type Line struct {
	Link

	Heard   time.Time // when anything came from it; zero for never
	Budget  int       // kbit/s that sessions may take; 0: no bound
	Lag     int       // changes that the far end lacks of what it gets from here
	Waiting time.Time // since when, of the one that waits longest; zero: none
	// Bytes as the line sees them, headers and acknowledgements too, since this node
	// started. Classes are the channels, "session" for who has what, "feed" for the
	// configuration, "overhead" for what the line adds to these, and what goes beside
	// a session: "hello", "ring", "ask", "raft", "sip", "meet".
	Out, In map[string]uint64
}

const classOverhead = "overhead"

// Lines returns all about the lines to all peers, in their order. It costs more than
// Links.
func (s *Sessions) Lines() []Line {
	all := s.lines()
	for i := range all {
		if s.o.Carried != nil {
			all[i].carry(s.o.Carried(all[i].Node))
		}
	}
	return all
}

func (s *Sessions) lines() []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Line, len(s.order))
	for i, p := range s.order {
		x := Line{Link: s.linkLocked(p), Heard: s.lastHeard(p), Budget: p.Budget, Out: maps.Clone(p.out), In: maps.Clone(p.in)}
		x.Lag, x.Waiting = p.lagLocked()
		list[i] = x
	}
	return list
}

// carry adds what the line has carried. Of the sessions, whose bytes are counted
// already as they were written, that is what it has added.
func (x *Line) carry(all map[string]link.Carried) {
	sessions := all[classSession]
	x.Out[classOverhead], x.In[classOverhead] = beyond(sessions.Out, x.Out), beyond(sessions.In, x.In)
	for class, c := range all {
		if class != classSession {
			x.Out[class], x.In[class] = c.Out, c.In
		}
	}
}

func beyond(carried uint64, written map[string]uint64) uint64 {
	for class, n := range written {
		if class != classHello {
			carried -= min(n, carried)
		}
	}
	return carried
}

// lagLocked counts the changes that p does not get yet, and returns since when the
// first is due. Without a session that is since the last one.
func (p *peer) lagLocked() (changes int, since time.Time) {
	c := p.conn
	if c == nil {
		c = p.left
	}
	if c == nil {
		return 0, since
	}
	for _, st := range c.streams {
		if !st.marked && (c == p.conn || st.served.IsZero()) {
			continue
		}
		n := st.replica.Behind(&st.wish, st.sent)
		due := st.since
		if c == p.left {
			due = p.lost
		}
		if changes += n; n > 0 && (since.IsZero() || due.Before(since)) {
			since = due
		}
	}
	return changes, since
}
