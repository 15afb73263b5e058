package dhcpserver

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// probeTime is how long an address may take to answer a ping before it is offered.
const probeTime = 400 * time.Millisecond

// ping reports whether somebody answers at an address (ICMP echo) within probeTime.
// Where the system lets nobody ping it says no.
func ping(ctx context.Context, a netip.Addr) bool {
	for _, kind := range []int{syscall.SOCK_DGRAM, syscall.SOCK_RAW} {
		if conn, err := openICMP(kind); err == nil {
			return exchange(ctx, conn, a)
		}
	}
	return false
}

// exchange sends an echo request, and closes conn.
func exchange(ctx context.Context, conn net.PacketConn, a netip.Addr) bool {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(probeTime))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	var to net.Addr = &net.UDPAddr{IP: a.AsSlice()}
	if _, raw := conn.(*net.IPConn); raw {
		to = &net.IPAddr{IP: a.AsSlice()}
	}
	if _, err := conn.WriteTo(echo(), to); err != nil {
		return false
	}
	b := make([]byte, mostPacket)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return false
		}
		if n > 0 && b[0] == 0 && addrOf(from) == a { // 0 is an answer
			return true
		}
	}
}

func addrOf(from net.Addr) netip.Addr {
	switch from := from.(type) {
	case *net.UDPAddr:
		return from.AddrPort().Addr().Unmap()
	case *net.IPAddr:
		return addr(from.IP)
	}
	return netip.Addr{}
}

// openICMP opens a socket for pings: one that needs no permission but the group's
// (net.ipv4.ping_group_range), or a raw one, which needs CAP_NET_RAW.
func openICMP(kind int) (net.PacketConn, error) {
	fd, err := syscall.Socket(syscall.AF_INET, kind|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, syscall.IPPROTO_ICMP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "icmp")
	defer func() { _ = f.Close() }()
	return net.FilePacketConn(f)
}

// echo is an echo request (RFC 792).
func echo() []byte {
	const request, size = 8, 16
	b := make([]byte, size)
	b[0] = request
	binary.BigEndian.PutUint16(b[2:], ^uint16(request<<8)) //nolint:mnd // the checksum: all else is zero
	return b
}
