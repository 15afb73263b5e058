package link

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
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

// wait waits while the line to a node is as if cut; no longer than ctx, nor than
// the connection that gone is about.
func (d *deafness) wait(ctx context.Context, node string, gone <-chan struct{}) error {
	for {
		s := d.now.Load()
		if s == nil || !s.to(node) {
			return nil
		}
		select {
		case <-s.over:
		case <-gone:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// AskThrough is [Port.Ask] for what must be heard while the port is deaf.
func (p *Port) AskThrough(ctx context.Context, node string, at netip.AddrPort, kind string, body []byte) ([]byte, error) {
	return p.askBy(ctx, p.through, node, at, kind, body)
}

// HandleThrough is [Port.HandleAsk] for what AskThrough asks.
func (p *Port) HandleThrough(kind string, h func(ctx context.Context, from Peer, body []byte) ([]byte, error)) {
	p.through.kinds[kind] = h
}
