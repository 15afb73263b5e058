package link

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// deafness is to whom the port behaves as if the line between were cut. While
// nobody is meant, it costs one look at a pointer.
type deafness struct {
	mu  sync.Mutex // serialises changes
	now atomic.Pointer[hush]
}

type hush struct {
	to   func(node string) bool
	over chan struct{}
}

// Deafen has the port behave as if the line to some nodes were cut: packets are
// lost both ways, what comes on connections stays where it is, and who dials
// waits in vain. Only what [Port.AskThrough] asks passes, so that it can be ended.
// nil ends it: what has stood still goes on, where it was not given up meanwhile.
// to is called often, by many.
func (p *Port) Deafen(to func(node string) bool) {
	p.deaf.mu.Lock()
	defer p.deaf.mu.Unlock()
	var next *hush
	if to != nil {
		next = &hush{to: to, over: make(chan struct{})}
	}
	if was := p.deaf.now.Swap(next); was != nil {
		close(was.over)
	}
}

// is reports whether the line to a node is as if cut.
func (d *deafness) is(node string) bool {
	s := d.now.Load()
	return s != nil && s.to(node)
}

// wait waits while the line to a node is as if cut, no longer than ctx.
func (d *deafness) wait(ctx context.Context, node string) error {
	for {
		s := d.now.Load()
		if s == nil || !s.to(node) {
			return nil
		}
		select {
		case <-s.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitBy waits while the line to a node is as if cut, no longer than until a deadline,
// nor than the connection that gone is about.
func (d *deafness) waitBy(node string, gone <-chan struct{}, by *deadline) error {
	for {
		s := d.now.Load()
		if s == nil || !s.to(node) {
			return nil
		}
		late, moved := by.look()
		select {
		case <-s.over:
		case <-moved:
		case <-gone:
			return ErrClosed
		case <-late:
			return os.ErrDeadlineExceeded
		}
	}
}

// A deadline is until when somebody waits, and may be moved meanwhile.
type deadline struct {
	mu    sync.Mutex
	at    time.Time     // zero: for ever
	moved chan struct{} // closed when at is another one; nil while nobody waits
}

func (d *deadline) set(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}

// look returns what happens when the deadline passes, and when it is moved.
func (d *deadline) look() (late <-chan time.Time, moved <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved = make(chan struct{})
	}
	if !d.at.IsZero() {
		late = time.After(time.Until(d.at))
	}
	return late, d.moved
}

// AskThrough is [Port.Ask] for what must be heard while the port is deaf.
func (p *Port) AskThrough(ctx context.Context, node string, at netip.AddrPort, kind string, body []byte) ([]byte, error) {
	return p.askBy(ctx, p.through, node, at, kind, body)
}

// HandleThrough is [Port.HandleAsk] for what AskThrough asks.
func (p *Port) HandleThrough(kind string, h func(ctx context.Context, from Peer, body []byte) ([]byte, error)) {
	p.through.kinds[kind] = h
}
