package session

import (
	"sync"
	"time"

	"carillon/cluster/link"
)

// A pace is the budget of the line to a peer, for its sessions one after the
// other. Its methods may be called by many at a time.
type pace struct {
	mu     sync.Mutex
	kbits  int
	budget budget
}

// set makes the budget so many kbit/s.
func (p *pace) set(kbits int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kbits != p.kbits {
		p.kbits, p.budget = kbits, newBudget(kbits, now)
	}
}

func (p *pace) read() budget {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.budget
}

// A carrier is a connection that knows what the line has carried for it. The
// connections of link do.
type carrier interface{ Carried() link.Carried }

// account charges what the line has carried since it was asked last, for this
// side and for the other.
func (c *conn) account() {
	on, ok := c.net.(carrier)
	if !ok {
		return
	}
	p := &c.peer.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	if sum := on.Carried().Sum(); sum > c.carried {
		p.budget.charge(time.Now(), int(sum-c.carried)) //nolint:gosec // what went since the last time
		c.carried = sum
	}
}

// A limit is how many bytes may be written at once: of what has just changed, and of
// what one batch was too small for.
type limit struct{ fresh, long int }

func (c *conn) limit() limit {
	c.account()
	b := c.peer.pace.read()
	if !b.bounded() {
		return limit{fullBatch, fullBatch}
	}
	now := time.Now()
	return limit{min(payload(b.advance(now)), fullBatch), min(payload(b.room(now)), fullBatch)}
}

// The least that is waited for: what has just changed leaves in a small packet if it
// must, what goes on from the batch before fills a large one.
const leastRoom = 300

// pause returns how long to wait before the next batch, which comes after one at
// last; rest says that this had not all that was due.
func (c *conn) pause(last time.Time, rest bool) time.Duration {
	c.account()
	b := c.peer.pace.read()
	if rest && !b.bounded() {
		return 0
	}
	now := time.Now()
	wait := b.small(now, leastRoom)
	if rest && !c.hasFresh() {
		wait = b.full(now)
	}
	return max(last.Add(batchDelay).Sub(now), wait)
}

// hasFresh reports whether something is due that was not when the last batch was
// filled.
func (c *conn) hasFresh() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.fresh
}

// leave waits until some of so many bytes may be written, and returns how many; 0
// when the connection has ended.
func (c *conn) leave(bytes int) int {
	for {
		c.account()
		now := time.Now()
		b := c.peer.pace.read()
		if !b.bounded() {
			return bytes
		}
		if room := payload(b.advance(now)); room >= min(bytes, payload(int(b.depth)/2)) {
			return min(bytes, room)
		}
		wait := b.small(now, onLine(bytes))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.done:
			timer.Stop()
			return 0
		}
	}
}
