package session

import (
	"encoding/binary"
	"slices"

	"carillon/cluster/replica"
)

// An owner remembers what was deleted until all living mains know it. They say so:
// every memoryGrain, a main that has learned of deletions tells whoever gives it
// the namespace how much of it has arrived, at itself and at the mains that hear it
// from there. Where nothing was deleted, nothing is said.

// frameHeld has the number of a namespace of the receiver, and a cursor. Who does
// not know it passes over it.
const frameHeld = 16

// heldLocked returns how much of r has arrived here and at the living mains to
// which it goes from here, and how many these are.
func (s *Sessions) heldLocked(r *replica.Replica) (held replica.Cursor, mains int) {
	held = r.Cursor()
	for _, p := range s.order {
		switch {
		case !p.up || p.role() != roleMain || p.Node == r.Owner():
			continue
		case p.conn == nil:
			return replica.Cursor{}, mains
		case !s.sendsLocked(p.conn, r):
			continue // it hears it from another main
		}
		mains++
		at := p.conn.streamLocked(r).held
		if at.Inc != held.Inc {
			return replica.Cursor{}, mains
		}
		held.Max = min(held.Max, at.Max)
	}
	return held, mains
}

// tellHeldLocked has those who give us namespaces hear how much has arrived.
func (s *Sessions) tellHeldLocked() {
	if s.o.Role != roleMain {
		return
	}
	for _, p := range s.order {
		if p.conn != nil {
			p.conn.tellHeldLocked()
		}
	}
}

func (c *conn) tellHeldLocked() {
	for id, r := range c.named {
		if r == nil || r.Deleted() == 0 {
			continue
		}
		if held, _ := c.s.heldLocked(r); held.Inc > 0 && c.told[id] != held {
			c.told[id] = held
			c.holds = append(c.holds, id)
		}
	}
	if len(c.holds) > 0 {
		slices.Sort(c.holds)
		wake(c.work)
	}
}

func (c *conn) appendHeldLocked(buf []byte) []byte {
	for _, id := range c.holds {
		buf = appendFrame(buf, frameHeld, appendCursorText(binary.AppendUvarint(nil, id), c.told[id]))
	}
	c.holds = c.holds[:0]
	return buf
}

func (c *conn) takeHeld(body []byte) error {
	id, at, err := parseCursor(body)
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.peer.count(&c.peer.in, classSession, len(body)+frameCost)
	for _, st := range c.streams {
		if st.id == id && id != 0 {
			st.held = at
		}
	}
	return nil
}
