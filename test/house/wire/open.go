package wire

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
)

// Open opens a UDP socket that hears everybody, as that of a real phone, where
// [Dial]'s hears its node alone. It speaks to who spoke last, at first to remote.
func Open(local netip.Addr, remote netip.AddrPort) (*Conn, error) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	open := &socketToAll{UDPConn: socket}
	open.last.Store(&remote)
	c := &Conn{Transport: "udp", net: open, in: make(chan Message, 1024), closed: make(chan struct{})}
	c.done.Go(c.read)
	return c, nil
}

type socketToAll struct {
	*net.UDPConn
	last atomic.Pointer[netip.AddrPort]
}

func (s *socketToAll) Read(b []byte) (int, error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err == nil {
		s.last.Store(&from)
	}
	return n, err //nolint:wrapcheck // it is a net.Conn
}

func (s *socketToAll) Write(b []byte) (int, error) { return s.WriteToUDPAddrPort(b, *s.last.Load()) }

// RemoteAddr is who spoke last.
func (s *socketToAll) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(*s.last.Load()) }
