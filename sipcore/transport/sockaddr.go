package transport

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sockaddr is an address as the kernel has it: of either family.
type sockaddr struct{ unix.RawSockaddrInet6 }

func (sa *sockaddr) inet4() *unix.RawSockaddrInet4 {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(sa)) //nolint:gosec // the shorter one, which begins alike
}

// get returns the address.
func (sa *sockaddr) get() netip.AddrPort {
	port := networkOrder(sa.Port)
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4(sa.inet4().Addr), port)
	}
	return netip.AddrPortFrom(scoped(netip.AddrFrom16(sa.Addr), sa.Scope_id), port)
}

// set stores an address and returns its length. scope is the interface of a
// link-local one, 0 if only its zone says.
func (sa *sockaddr) set(to netip.AddrPort, scope uint32) (length uint32) {
	sa.Port = networkOrder(to.Port())
	if to.Addr().Is4() {
		sa.Family, sa.inet4().Addr = unix.AF_INET, to.Addr().As4()
		return unix.SizeofSockaddrInet4
	}
	if scope == 0 || !to.Addr().IsLinkLocalUnicast() {
		scope = zoneID(to.Addr())
	}
	sa.Family, sa.Addr, sa.Scope_id = unix.AF_INET6, to.Addr().As16(), scope
	return unix.SizeofSockaddrInet6
}

// networkOrder turns a port's bytes round where the machine's are the other way.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// scoped adds the interface to an address that means nothing without it.
func scoped(a netip.Addr, ifindex uint32) netip.Addr {
	if !a.IsLinkLocalUnicast() {
		return a
	}
	return a.WithZone(strconv.FormatUint(uint64(ifindex), 10))
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
