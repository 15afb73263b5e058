package dnsserver

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls that questions take: those of a moment are received together,
// and answered together. None of them waits, so that the Go scheduler need not
// hear of them (sipcore/transport does the same, and has figures).

const (
	batchSize    = 32
	questionSize = mostSize // bytes; what is longer is no question of a phone
	controlSize  = 64       // bytes for the one control message that is asked for
)

// manyHead is the kernel's struct mmsghdr.
type manyHead struct {
	unix.Msghdr

	n uint32 // bytes of this datagram
}

// An origin is where a question came from, as the kernel has it, and where to, if
// the server has several addresses.
type origin struct {
	from    unix.RawSockaddrInet6 // or the shorter one, which begins alike
	size    uint32                // of from
	control []byte                // that makes the answer leave from the address that was asked
}

// A batch is what is read and answered at once. It is used again and again, and
// must not be moved.
type batch struct {
	in, out           [batchSize]manyHead
	inParts, outParts [batchSize]unix.Iovec
	from              [batchSize]unix.RawSockaddrInet6
	control           [batchSize][controlSize]byte
	questions         [batchSize][questionSize]byte
	got, answers      int
}

func newBatch() *batch {
	b := new(batch)
	for i := range b.in {
		h := &b.in[i]
		h.Name = (*byte)(unsafe.Pointer(&b.from[i])) //nolint:gosec // struct msghdr has addresses
		b.inParts[i].Base = &b.questions[i][0]
		b.inParts[i].SetLen(questionSize)
		h.Iov = &b.inParts[i]
		h.SetIovlen(1)
		h.Control = &b.control[i][0]
		b.out[i].Iov = &b.outParts[i]
		b.out[i].SetIovlen(1)
	}
	return b
}

// receive takes the datagrams that are there.
func (b *batch) receive(fd uintptr) error {
	for i := range b.in {
		b.in[i].Namelen = unix.SizeofSockaddrInet6
		b.in[i].SetControllen(controlSize)
	}
	n, err := many(unix.SYS_RECVMMSG, fd, b.in[:])
	b.got, b.answers = n, 0
	return err
}

// question returns the i-th datagram, nothing of one that is too long.
func (b *batch) question(i int) []byte {
	if b.in[i].Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return b.questions[i][:b.in[i].n]
}

// origin returns where the i-th datagram came from, good for later.
func (b *batch) origin(i int) origin {
	return origin{from: b.from[i], size: b.in[i].Namelen, control: answerFrom(b.control[i][:b.in[i].Controllen])}
}

// answer has an answer sent to whom the i-th datagram came from. The answer must
// stay as it is until flush.
func (b *batch) answer(i int, answer []byte) {
	h := &b.out[b.answers]
	h.Name, h.Namelen = b.in[i].Name, b.in[i].Namelen
	control := answerFrom(b.control[i][:b.in[i].Controllen])
	h.Control = unsafe.SliceData(control) //nolint:gosec // as above
	h.SetControllen(len(control))
	part := &b.outParts[b.answers]
	part.Base = unsafe.SliceData(answer) //nolint:gosec // as above
	part.SetLen(len(answer))
	b.answers++
}

// flush sends the answers. One that cannot be sent is left out, and its error
// returned: who does not hear asks again.
func (b *batch) flush(fd uintptr) (err error) {
	for left := b.out[:b.answers]; len(left) > 0; {
		n, failed := many(unix.SYS_SENDMMSG, fd, left)
		if failed != nil {
			err = failed
			n++
		}
		left = left[min(n, len(left)):]
	}
	return err
}

// sendTo sends one answer.
func (o *origin) sendTo(fd uintptr, answer []byte) error {
	part := unix.Iovec{Base: unsafe.SliceData(answer)} //nolint:gosec // as above
	part.SetLen(len(answer))
	var heads [1]manyHead
	h := &heads[0]
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&o.from)), o.size //nolint:gosec // as above
	h.Iov = &part
	h.SetIovlen(1)
	h.Control = unsafe.SliceData(o.control) //nolint:gosec // as above
	h.SetControllen(len(o.control))
	_, err := many(unix.SYS_SENDMMSG, fd, heads[:])
	return err
}

// many is recvmmsg(2) or sendmmsg(2), and returns how many were received or sent.
func many(call, fd uintptr, heads []manyHead) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(call,
			fd, uintptr(unsafe.Pointer(unsafe.SliceData(heads))), uintptr(len(heads)), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // they take an address
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// sourceOf returns the address that the kernel has.
func sourceOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	var port [2]byte
	binary.NativeEndian.PutUint16(port[:], sa.Port)
	if sa.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa)) //nolint:gosec // the shorter one, which begins alike
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), binary.BigEndian.Uint16(port[:]))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), binary.BigEndian.Uint16(port[:]))
}
