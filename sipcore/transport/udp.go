package transport

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxDatagram = 64 << 10
	minDatagram = 5 // what is shorter is a keep-alive (RFC 5626: CRLFCRLF) or junk

	// maxPoints bounds the local addresses told apart on one socket: a machine
	// with a whole routed prefix as its own must not fill our memory.
	maxPoints = 4096
)

// udpSocket is one bound UDP socket. Its flows are not stored, only its points:
// the local addresses that it has been used from.
type udpSocket struct {
	layer *Layer
	pc    *net.UDPConn
	raw   syscall.RawConn
	bound netip.Addr
	only  *point    // unless bound to all addresses
	ops   sync.Pool // of *sendOp

	caughtUp time.Time // when nothing waited; Lag's own

	mu     sync.Mutex // serialises changes of points
	points atomic.Pointer[map[netip.Addr]*point]
}

func newUDPSocket(l *Layer, pc *net.UDPConn, bound netip.Addr) (*udpSocket, error) {
	raw, err := pc.SyscallConn()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what for
	}
	s := &udpSocket{layer: l, pc: pc, raw: raw, bound: bound, ops: sync.Pool{New: newSendOp}}
	s.points.Store(&map[netip.Addr]*point{})
	if !bound.IsUnspecified() {
		s.only = newPoint(s, bound, nil)
	}
	return s, nil
}

// receive takes one datagram to its end.
func (s *udpSocket) receive(p *point, from netip.AddrPort, datagram []byte) {
	if p == nil || len(datagram) < minDatagram {
		s.layer.count.junk.Add(1)
		return
	}
	if s.layer.deaf.is(from.Addr(), datagram) {
		return
	}
	if isBinding(datagram) {
		s.answer(p, from, datagram)
		return
	}
	s.layer.deliver(Flow{carrier: p, remote: from}, datagram)
}

// answer answers a STUN Binding request.
func (s *udpSocket) answer(p *point, from netip.AddrPort, datagram []byte) {
	defer s.layer.recovered()
	var room [64]byte
	_ = p.send(appendBinding(room[:0], datagram, from), from) // who gets no answer asks again
}

// point returns the one point of a local address; equal flows have equal points.
// Beyond maxPoints addresses, answers leave from the address the kernel chooses.
func (s *udpSocket) point(local netip.Addr) *point {
	if s.only != nil {
		return s.only
	}
	if p := (*s.points.Load())[local]; p != nil {
		return p
	}
	return s.addPoint(local)
}

// facing returns the point that datagrams to remote leave from.
func (s *udpSocket) facing(remote netip.AddrPort) (*point, bool) {
	if s.only != nil {
		return s.only, true
	}
	local, ok := sourceFor(remote)
	if !ok {
		return nil, false
	}
	return s.point(local), true
}

// socketFor returns the UDP socket of addr's family, nil if there is none.
func (l *Layer) socketFor(addr netip.Addr) *udpSocket {
	for _, s := range l.udp {
		if s.bound.Is4() == addr.Is4() {
			return s
		}
	}
	return nil
}
