// Package crowd is many small phones in one process: they register over UDP, TCP
// and TLS, call each other at a steady rate, hang up at either end, give up while
// it rings, are busy, and now and then lose their connection and come back. Each
// speaks just enough of RFC 3261 to be right, on the words of house/wire, so that
// neither our own stack nor sipgo judges itself. What a call should have come to
// is known beforehand; a call that comes to anything else has failed.
package crowd

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what a crowd does. All fields but TLS are required.
type Options struct {
	Node       netip.AddrPort // of UDP and TCP
	Domain     string
	Password   string   // of every user
	Users      []string // each has one phone
	Transports []string // of the phones in turn: "udp", "tcp", "tls"
	TLS        *tls.Config
	TLSNode    netip.AddrPort
	Rate       float64 // calls a second
}

// A Crowd is phones. Make one with New.
type Crowd struct {
	o      Options
	phones []*phone
	under  atomic.Int64 // calls and moves that are under way
	moving atomic.Int64
	doing  sync.WaitGroup // readers of lines

	Started, Answered, Cancelled, Busy, Registered, Reconnected atomic.Int64

	mu       sync.Mutex // guards all below
	failures map[string]int
	setups   []time.Duration
	late     time.Duration
}

// New returns a crowd. It starts nothing.
func New(o Options) *Crowd {
	c := &Crowd{o: o, failures: make(map[string]int)}
	for i, user := range o.Users {
		c.phones = append(c.phones, newPhone(c, i, user, o.Transports[i%len(o.Transports)]))
	}
	return c
}

const (
	registering  = 2 * time.Millisecond // between two phones, at the beginning
	startEvery   = 10 * time.Millisecond
	reconnecting = time.Second // between two that lose their connection
	refreshAfter = 20 * time.Second
	farewell     = 60 * time.Second // for the calls that are under way at the end
)

// Run registers all phones, has them call until ctx ends, and returns when the
// last call has ended and every phone has hung up.
func (c *Crowd) Run(ctx context.Context) error {
	defer c.close()
	if err := c.arrive(ctx); err != nil {
		return err
	}
	start, move := time.NewTicker(startEvery), time.NewTicker(reconnecting)
	defer start.Stop()
	defer move.Stop()
	began := time.Now()
	for started := 0.0; ctx.Err() == nil; {
		select {
		case due := <-start.C:
			c.wasLate(time.Since(due))
			for due := time.Since(began).Seconds() * c.o.Rate; started < due; started++ {
				c.call()
			}
		case <-move.C:
			c.move(context.WithoutCancel(ctx)) // who has begun to move arrives
		case <-ctx.Done():
		}
	}
	for end := time.Now().Add(farewell); c.under.Load() > 0; time.Sleep(startEvery) {
		if time.Now().After(end) {
			return fmt.Errorf("%d calls did not end within %v", c.under.Load(), farewell)
		}
	}
	return nil
}

// arrive registers the phones one after the other.
func (c *Crowd) arrive(ctx context.Context) error {
	for _, p := range c.phones {
		if err := p.connect(ctx); err != nil {
			return err
		}
		registered := make(chan error, 1)
		p.register(func(err error) { registered <- err })
		select {
		case err := <-registered:
			if err != nil {
				return fmt.Errorf("%s over %s: %w", p.user, p.transport, err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		p.ready.Store(true)
		time.Sleep(registering)
	}
	return nil
}

func (c *Crowd) close() {
	for _, p := range c.phones {
		p.hangUp()
	}
	c.doing.Wait()
}

// call has somebody call somebody else.
func (c *Crowd) call() {
	from, to := c.somebody(nil), c.somebody(nil)
	if from == to {
		to = c.somebody(from)
	}
	if from == nil || to == nil {
		c.fail("nobody is registered")
		return
	}
	c.Started.Add(1)
	c.under.Add(1)
	to.legs.Add(1) // before it knows
	from.callSomebody(to, somePlan(), func(err error) {
		to.legs.Add(-1)
		if err != nil {
			c.fail(fmt.Sprintf("%s to %s: %v", from.transport, to.transport, err))
		}
		c.under.Add(-1)
	})
}

// somebody picks a phone that is there.
func (c *Crowd) somebody(but *phone) *phone {
	for range 100 {
		p := c.phones[rand.IntN(len(c.phones))] //nolint:gosec // nothing is secret here
		if p != but && p.ready.Load() {
			return p
		}
	}
	return nil
}

// move has a phone lose its connection, or its UDP port, and come back.
func (c *Crowd) move(ctx context.Context) {
	p := c.somebody(nil)
	if p == nil || c.moving.Load() > int64(len(c.phones)/10) {
		return
	}
	p.ready.Store(false)
	c.moving.Add(1)
	c.under.Add(1)
	c.doing.Go(func() {
		defer c.under.Add(-1)
		defer c.moving.Add(-1)
		p.move(ctx)
	})
}

func (c *Crowd) fail(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) < 100 || c.failures[why] > 0 {
		c.failures[why]++
	}
}

// Failed returns how many calls and registrations have failed, by reason.
func (c *Crowd) Failed() (total int, reasons map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reasons = make(map[string]int)
	for why, n := range c.failures {
		total += n
		reasons[why] = n
	}
	return total, reasons
}

func (c *Crowd) setUp(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setups = append(c.setups, took)
}

// SetUps returns how long the calls since the last time took to ring.
func (c *Crowd) SetUps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.setups
	c.setups = nil
	return all
}

func (c *Crowd) wasLate(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = max(c.late, by)
}

// Late returns by how much the crowd itself was late at most since the last time:
// a machine that has no time for it has none for the node either.
func (c *Crowd) Late() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := c.late
	c.late = 0
	return late
}
