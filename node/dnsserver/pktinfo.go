package dnsserver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Where a server listens on all addresses, an answer leaves from the one that was
// asked: from another the client would not take it.

// tellDestination has the kernel say which address a datagram came to.
func tellDestination(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { // a socket is of one family, and refuses the other
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	})
}

// answerFrom makes of the control message of a question that of its answer.
func answerFrom(control []byte) []byte {
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		switch {
		case err != nil:
			return nil
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: [4]byte(data[4:8])})
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: [16]byte(data[:16])})
		}
		control = rest
	}
	return nil
}
