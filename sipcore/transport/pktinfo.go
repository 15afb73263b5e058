package transport

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// pktinfoSpace is room for the one control message that we ask for: an
// in6_pktinfo behind its header, and some for what is not ours.
const pktinfoSpace = 128

// destination returns the local address that a datagram came to, from its
// control messages. For an IPv4 broadcast that is the address to answer from; an
// IPv6 multicast has none.
func destination(oob []byte) (netip.Addr, bool) {
	for len(oob) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(data[4:8])), true // ifindex, spec_dst, addr
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return scoped(netip.AddrFrom16([16]byte(data[:16])), binary.NativeEndian.Uint32(data[16:20])), true
		}
		oob = rest
	}
	return netip.Addr{}, false
}

// sourceInfo returns the control message that makes a datagram leave from local;
// nil leaves the choice to the kernel.
func sourceInfo(local netip.Addr) []byte {
	switch {
	case local.IsUnspecified():
		return nil
	case local.Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	default:
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16(), Ifindex: zoneID(local)})
	}
}

// sourceFor asks the kernel which address it would send to remote from, by
// connecting a UDP socket, which sends nothing and waits for nothing.
func sourceFor(remote netip.AddrPort) (netip.Addr, bool) {
	domain := unix.AF_INET6
	if remote.Addr().Is4() {
		domain = unix.AF_INET
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return netip.Addr{}, false
	}
	defer func() { _ = unix.Close(fd) }() // it never held data
	if err = unix.Connect(fd, destinationOf(remote)); err != nil {
		return netip.Addr{}, false
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.Addr{}, false
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr), true
	case *unix.SockaddrInet6:
		return scoped(netip.AddrFrom16(a.Addr), a.ZoneId), true
	}
	return netip.Addr{}, false
}

// destinationOf returns an address to connect to.
func destinationOf(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zoneID(a.Addr())}
}
