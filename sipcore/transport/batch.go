package transport

import (
	"net/netip"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams are read together. Phones come in bursts, and
// with each datagram of a burst alone the system calls would cost the most.
const batchSize = 8

// A batch is what one reader of UDP reads into. Memory that no datagram has
// filled yet costs nothing.
type batch struct {
	heads [batchSize]manyHead
	parts [batchSize]unix.Iovec
	from  [batchSize]sockaddr
	oob   [batchSize][pktinfoSpace]byte
	space []byte
	got   int // how many are in it

	// While lanes share it:
	lane  [batchSize]uint8
	users atomic.Int32
}

func newBatch() *batch {
	b := &batch{space: make([]byte, batchSize*maxDatagram)}
	for i := range b.heads {
		b.parts[i].Base = &b.space[i*maxDatagram]
		b.parts[i].SetLen(maxDatagram)
		h := &b.heads[i]
		h.Name = (*byte)(unsafe.Pointer(&b.from[i])) //nolint:gosec // struct msghdr has addresses
		h.Iov = &b.parts[i]
		h.SetIovlen(1)
		h.Control = &b.oob[i][0]
	}
	b.got = batchSize // all heads want to be made ready
	return b
}

// read takes the datagrams that are there. It never waits.
func (b *batch) read(fd int) error {
	for i := range b.got {
		b.heads[i].Namelen = unix.SizeofSockaddrInet6
		b.heads[i].SetControllen(pktinfoSpace)
	}
	n, err := receiveNow(fd, b.heads[:])
	b.got = n
	return err
}

// datagram returns the i-th. It is valid until read is called.
func (b *batch) datagram(i int) []byte {
	return b.space[i*maxDatagram:][:b.heads[i].n]
}

// control returns the control messages of the i-th datagram.
func (b *batch) control(i int) []byte { return b.oob[i][:b.heads[i].Controllen] }

// source returns where the i-th datagram came from.
func (b *batch) source(i int) netip.AddrPort { return b.from[i].get() }
