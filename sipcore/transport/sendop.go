package transport

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendOp is one datagram on its way into the kernel. RawConn wants a function,
// and one that knows its datagram costs memory, so they are used again. Unlike
// net.UDPConn's own methods it neither waits for room nor takes a lock.
type sendOp struct {
	head unix.Msghdr
	part unix.Iovec
	to   sockaddr
	err  error
	call func(fd uintptr) // inKernel, made once
}

func newSendOp() any {
	op := new(sendOp)
	op.head.Name = (*byte)(unsafe.Pointer(&op.to)) //nolint:gosec // struct msghdr holds addresses
	op.head.Iov = &op.part
	op.head.SetIovlen(1)
	op.call = op.inKernel
	return op
}

// send hands a datagram from p to the kernel, or returns its error, without waiting.
func (s *udpSocket) send(b []byte, p *point, to netip.AddrPort) error {
	op := s.ops.Get().(*sendOp)        //nolint:forcetypeassert // the pool holds nothing else
	op.part.Base = unsafe.SliceData(b) //nolint:gosec // as above
	op.part.SetLen(len(b))
	op.head.Control = unsafe.SliceData(p.oob) //nolint:gosec // as above
	op.head.SetControllen(len(p.oob))
	op.head.Namelen = op.to.set(to, p.scope)
	err := s.raw.Control(op.call)
	if err == nil {
		err = op.err
	}
	op.part.Base = nil
	s.ops.Put(op)
	return err //nolint:wrapcheck // point.send sorts the errors
}

// inKernel runs with the socket's descriptor held open.
func (op *sendOp) inKernel(fd uintptr) { op.err = sendNow(int(fd), &op.head) }
