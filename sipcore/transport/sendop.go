package transport

import (
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// sendOp is one datagram on its way into the kernel. RawConn wants a function,
// and one that knows its datagram costs memory, so they are used again. Unlike
// net.UDPConn's own methods it neither waits for room nor takes a lock.
type sendOp struct {
	b, oob []byte
	to4    unix.SockaddrInet4
	to6    unix.SockaddrInet6
	to     unix.Sockaddr // &to4 or &to6
	err    error
	call   func(fd uintptr)
}

func newSendOp() any {
	op := new(sendOp)
	op.call = op.inKernel
	return op
}

// send hands a datagram from p to the kernel, or returns its error, without waiting.
func (s *udpSocket) send(b []byte, p *point, to netip.AddrPort) error {
	op := s.ops.Get().(*sendOp) //nolint:forcetypeassert // the pool holds nothing else
	op.b, op.oob = b, p.oob
	op.aim(to, p.scope)
	err := s.raw.Control(op.call)
	if err == nil {
		err = op.err
	}
	op.b, op.oob = nil, nil
	s.ops.Put(op)
	return err //nolint:wrapcheck // point.send sorts the errors
}

// aim sets the destination; scope is the interface of a link-local one, 0 if
// only its zone says.
func (op *sendOp) aim(to netip.AddrPort, scope uint32) {
	if to.Addr().Is4() {
		op.to4 = unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
		op.to = &op.to4
		return
	}
	if scope == 0 || !to.Addr().IsLinkLocalUnicast() {
		scope = zoneID(to.Addr())
	}
	op.to6 = unix.SockaddrInet6{Port: int(to.Port()), ZoneId: scope, Addr: to.Addr().As16()}
	op.to = &op.to6
}

// inKernel runs with the socket's descriptor held open.
func (op *sendOp) inKernel(fd uintptr) {
	for {
		_, op.err = unix.SendmsgN(int(fd), op.b, op.oob, op.to, unix.MSG_DONTWAIT)
		if op.err != unix.EINTR { //nolint:errorlint // a bare errno
			return
		}
	}
}

// zoneID returns the interface index of a link-local address, else 0.
func zoneID(a netip.Addr) uint32 {
	zone := a.Zone()
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index) //nolint:gosec // never negative
	}
	return 0
}
