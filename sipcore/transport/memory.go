package transport

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
)

// memory carries messages inside the process.
type memory struct {
	origin
	deliver func(b []byte, to netip.AddrPort) error
	closed  atomic.Bool
}

// Memory returns a flow without a network: what is sent on it goes to deliver,
// with the address it is meant for, in the order of sending. deliver must not
// wait, nor keep b, nor hand a message to the layer that sent it before it has
// returned. A stream flow ends by Close; nobody but the caller tells a [Handler].
func Memory(k Kind, local, remote netip.AddrPort, deliver func(b []byte, to netip.AddrPort) error) Flow {
	m := &memory{origin: origin{kind: k, local: plain(local), watch: nobody{}}, deliver: deliver}
	if k.Reliable() {
		m.id = 1 + rand.Uint64()&^udpBit>>1 //nolint:gosec // a name, not a secret
	}
	return Flow{carrier: m, remote: plain(remote)}
}

func (m *memory) send(b []byte, to netip.AddrPort) error {
	if m.closed.Load() {
		return ErrClosed
	}
	return m.deliver(b, to)
}

func (m *memory) open() bool { return !m.closed.Load() }

func (m *memory) abort() { m.close() }

func (m *memory) close() {
	if m.kind.Reliable() {
		m.closed.Store(true)
	}
}
