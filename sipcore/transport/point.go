package transport

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"syscall"
)

// A point is one local address of a UDP socket: the carrier of its flows.
type point struct {
	origin
	sock  *udpSocket
	oob   []byte // says the source address; nil where the socket has but one
	scope uint32 // the interface, if local is link-local; its peers are there too
}

func newPoint(s *udpSocket, local netip.Addr, oob []byte) *point {
	return &point{
		origin: origin{kind: UDP, local: netip.AddrPortFrom(local, s.layer.opts.Port), watch: s.layer.opts.Watcher, deaf: &s.layer.deaf},
		sock:   s, oob: oob, scope: zoneID(local),
	}
}

// addPoint interns a local address that was not seen before.
func (s *udpSocket) addPoint(local netip.Addr) *point {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.points.Load()
	if p := old[local]; p != nil {
		return p
	}
	if len(old) >= maxPoints {
		local = s.bound
	}
	if p := old[local]; p != nil {
		return p
	}
	p := newPoint(s, local, sourceInfo(local))
	next := maps.Clone(old)
	next[local] = p
	s.points.Store(&next)
	if !local.IsUnspecified() {
		s.layer.own.learn(local)
	}
	return p
}

// open implements carrier.
func (p *point) open() bool { return !p.sock.layer.closed.Load() }

// close implements carrier: an address pair cannot be closed.
func (p *point) close() {}

// abort implements carrier.
func (p *point) abort() {}

// send implements carrier. A full socket loses the datagram and counts it.
func (p *point) send(b []byte, to netip.AddrPort) error {
	err := p.sock.send(b, p, to)
	switch {
	case err == nil:
		p.sock.layer.count.traffic[UDP].out.Add(1)
		return nil
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOBUFS):
		p.sock.layer.count.udpFull.Add(1)
		return nil
	case errors.Is(err, syscall.EMSGSIZE):
		return ErrTooLarge
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	default:
		return &net.OpError{Op: "send", Net: "udp", Addr: net.UDPAddrFromAddrPort(to), Err: err}
	}
}
