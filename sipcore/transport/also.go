package transport

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
)

// also is an address that the node has for a while, beside its own.
type also struct {
	mu    sync.Mutex // serialises changes
	place atomic.Pointer[place]
	ended bool
}

// Also listens on one more address of the machine, which it has got while the layer
// runs: phones reach it there as at its own, and what was asked there is answered
// from there. There is one at most. A layer that listens on all addresses only
// learns that it is one.
func (l *Layer) Also(addr netip.Addr) error {
	addr = addr.Unmap()
	l.also.mu.Lock()
	defer l.also.mu.Unlock()
	if l.also.ended || l.also.place.Load() != nil || !l.isRunning() {
		return errors.New("listening on one more address: there is one already, or nobody listens")
	}
	p := place{addr: addr}
	if !l.own.all() && addr != l.opts.Addr {
		var err error
		if p, err = l.bind(addr); err != nil {
			p.close()
			return err
		}
	}
	l.own.learn(addr)
	l.also.place.Store(&p)
	if p.udp != nil {
		l.spawn(p.udp.serve)
	}
	for _, d := range p.doors {
		l.spawn(func() { l.accept(d.TCPListener, d.kind) })
	}
	return nil
}

// NoMore ends what Also began, and resets the connections that came to that
// address: their phones are to connect to who has it now.
func (l *Layer) NoMore(addr netip.Addr) {
	addr = addr.Unmap()
	l.also.mu.Lock()
	defer l.also.mu.Unlock()
	p := l.also.place.Load()
	if p == nil || p.addr != addr || addr == l.opts.Addr {
		return
	}
	l.also.place.Store(nil)
	l.own.forget(addr)
	p.close()
	var gone []*conn
	l.conns.each(func(c *conn) {
		if c.local.Addr() == addr {
			gone = append(gone, c)
		}
	})
	for _, c := range gone {
		c.abort()
	}
}

// end closes the doors for good, and stops reading.
func (a *also) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	p := a.place.Load()
	if p == nil {
		return
	}
	for _, d := range p.doors {
		_ = d.Close() // nothing is lost with a listener
	}
	if p.udp != nil {
		p.udp.stopReading()
	}
}

// close gives everything back.
func (a *also) close() {
	if p := a.place.Load(); p != nil {
		p.close()
	}
}

// socketAt returns the UDP socket that is bound to a local address, for a flow
// to remote; nil if there is none.
func (l *Layer) socketAt(local, remote netip.Addr) *udpSocket {
	if p := l.also.place.Load(); p != nil && p.udp != nil && p.addr == local {
		return p.udp
	}
	return l.socketFor(remote)
}
