package session

import (
	"encoding/binary"
	"time"

	"carillon/cluster/replica"
)

// A lifeguard may claim more of a namespace than its main has: for a moment, or because
// all mains lost their memory, and the owner was rolled back. The owner does not hear
// that, and the lifeguard would keep what it has for ever. So a main that does not get
// within lag what somebody claims passes the claim on to the owner and to the other
// mains, who do the same.

// frameClaim has the two names of a namespace, a cursor and a check. Who does not
// know it passes over it.
const frameClaim = 18

// claimedLocked takes what the far end of a session says that it has of r. It reports
// whether that is more than we wrote, r being ours.
func (s *Sessions) claimedLocked(r *replica.Replica, x replica.Claim) (outranked bool) {
	if r.Owner() == s.o.Node {
		if r.Cursor().Inc == 0 { // we have nothing to say there any more
			r.Renew(s.inc)
		}
		return r.Outranked(x)
	}
	if r.Hear(x) {
		s.complainLocked(r)
	}
	if _, ok := r.Rumour(); ok && s.o.Role == roleMain && s.rumours[r].IsZero() {
		s.rumours[r] = time.Now()
		wake(s.watch)
	}
	return false
}

// passRumoursLocked has those who may know of what we lack hear of it, once on each
// connection, and returns when to look again.
func (s *Sessions) passRumoursLocked(now time.Time) (again time.Time) {
	again = now.Add(memoryGrain)
	for r, since := range s.rumours {
		x, ok := r.Rumour()
		if !ok || !s.set.Has(r) {
			delete(s.rumours, r)
			continue
		}
		for _, p := range s.order {
			if p.conn == nil || p.role() != roleMain && p.Node != r.Owner() || p.conn.passed[r] == x.Cursor {
				continue
			}
			if due := later(since, p.joined).Add(lag); now.Before(due) {
				again = earliest(again, due)
				continue
			}
			p.conn.passLocked(r, x)
		}
	}
	return again
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (c *conn) passLocked(r *replica.Replica, x replica.Claim) {
	if !x.Filter.All() {
		x.Check = 0 // the far end would not know what it is of
	}
	c.claims = appendClaim(c.claims, r.Owner(), r.Channel(), x)
	c.passed[r] = x.Cursor
	wake(c.work)
}

func appendClaim(dst []byte, owner, channel string, x replica.Claim) []byte {
	body := appendCursorText(appendText(appendText(nil, owner), channel), x.Cursor)
	return appendFrame(dst, frameClaim, binary.AppendUvarint(body, uint64(x.Check)))
}

func parseClaim(body []byte) (owner, channel string, x replica.Claim, err error) {
	r := fields{data: body}
	owner, channel, x.Cursor = r.text(), r.text(), r.cursor()
	check := r.number()
	r.check(check < 1<<32)
	x.Check = replica.Check(check) //nolint:gosec // bounded
	return owner, channel, x, r.err()
}

func (c *conn) takeClaim(body []byte) error {
	owner, channel, x, err := parseClaim(body)
	if err != nil {
		return err
	}
	s := c.s
	s.mu.Lock()
	trusted := c.peer.role() == roleMain && !s.gone[owner] && s.set.Len() < maxNamespaces
	outranked := trusted && s.claimedLocked(s.set.Get(owner, channel), x)
	c.peer.count(&c.peer.in, classSession, len(body)+frameCost)
	s.mu.Unlock()
	if outranked {
		s.outranked(x.Inc)
	}
	return nil
}
