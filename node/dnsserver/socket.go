package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A socket is a UDP port that is read without waiting. At thousands of questions a
// second waking up for each one costs more than answering it, so the port is not
// one of those that Go's own poller watches: it stands behind a bell of its own,
// which rings only when somebody waits (see pace).
type socket struct {
	port *os.File
	bell *os.File // an epoll with the port in it, which Go's poller watches
	raw  syscall.RawConn
	ring syscall.RawConn
	addr netip.AddrPort
	fd   int32 // of the port, as the bell knows it
}

// openSocket binds a UDP port. With all, the address that each datagram came to is
// told.
func openSocket(ctx context.Context, at netip.AddrPort, all bool) (*socket, error) {
	var listening net.ListenConfig
	if all {
		listening.Control = tellDestination
	}
	bound, err := listening.ListenPacket(ctx, "udp", at.String())
	if err != nil {
		return nil, err
	}
	conn := bound.(*net.UDPConn) //nolint:forcetypeassert // of "udp" it is
	port, err := conn.File()
	err = errors.Join(err, conn.Close()) // which takes it from Go's poller
	if err != nil {
		return nil, err
	}
	s := &socket{port: port, addr: addrOf(conn.LocalAddr()), fd: int32(port.Fd())} //nolint:gosec // a descriptor
	if err = s.hang(); err != nil {
		return nil, errors.Join(err, port.Close())
	}
	return s, nil
}

// hang makes the bell.
func (s *socket) hang() (err error) {
	if s.raw, err = s.port.SyscallConn(); err != nil {
		return err
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("watching the port: %w", err)
	}
	err = unix.SetNonblock(fd, true)
	s.bell = os.NewFile(uintptr(fd), "bell")
	if err == nil {
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, int(s.fd), &unix.EpollEvent{Events: unix.EPOLLONESHOT, Fd: s.fd})
	}
	if err == nil {
		s.ring, err = s.bell.SyscallConn()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("watching the port: %w", err), s.bell.Close())
	}
	return nil
}

// Close gives the port back, and ends wait.
func (s *socket) Close() error {
	return errors.Join(unlessClosed(s.bell.Close()), unlessClosed(s.port.Close()))
}

// wait returns when there is a datagram, or with an error when the port is closed.
func (s *socket) wait() error {
	set := false
	return s.ring.Read(func(bell uintptr) bool {
		if !set {
			set = true
			_ = unix.EpollCtl(int(bell), unix.EPOLL_CTL_MOD, int(s.fd), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: s.fd})
		}
		var events [1]unix.EpollEvent
		n, _ := unix.EpollWait(int(bell), events[:], 0)
		return n > 0
	})
}

// run receives a batch, has each of its datagrams answered, and sends the answers.
// Its error is that of the port, os.ErrClosed if it is closed.
func (s *socket) run(b *batch, answer func(i int) []byte) error {
	var err, unsent error
	closed := s.raw.Control(func(fd uintptr) {
		if err = b.receive(fd); err != nil {
			return
		}
		for i := range b.got {
			if a := answer(i); a != nil {
				b.answer(i, a)
			}
		}
		unsent = b.flush(fd)
	})
	switch {
	case closed != nil:
		return os.ErrClosed
	case errors.Is(err, unix.EAGAIN):
		return nil
	}
	return errors.Join(err, unsent)
}

// send sends one answer, unless there is no room: a question that is not answered
// is asked again.
func (s *socket) send(answer []byte, to *origin) error {
	var err error
	closed := s.raw.Control(func(fd uintptr) { err = to.sendTo(fd, answer) })
	return errors.Join(closed, err)
}
