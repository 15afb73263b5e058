package address

import (
	"encoding/binary"
	"net/netip"
)

// ndp asks and tells about an IPv6 address (RFC 4861), with packets from the IPv6
// header on.
type ndp struct{ address netip.Addr }

const (
	headerLength  = 40
	icmpv6        = 58
	hopLimit      = 255 // nobody forwards it: it comes from this LAN
	solicitation  = 135
	advertisement = 136
	targetEnd     = headerLength + 24
	override      = 0x20 // flag: whoever was remembered is not it any more
	targetMAC     = 2    // option
)

// probe implements [language]: a solicitation as in looking for a duplicate
// (RFC 4862 section 5.4.2), which a kernel answers to all.
func (n ndp) probe(self mac) (packet []byte, group mac) {
	to := n.solicited()
	return n.packet(netip.IPv6Unspecified(), to, append([]byte{solicitation, 0, 0, 0, 0, 0, 0, 0}, n.address.AsSlice()...)), multicast(to)
}

// announce implements [language]: an advertisement that nobody asked for.
func (n ndp) announce(self mac) (packet []byte, group mac) {
	to := netip.IPv6LinkLocalAllNodes()
	body := append([]byte{advertisement, 0, 0, 0, override, 0, 0, 0}, n.address.AsSlice()...)
	body = append(append(body, targetMAC, 1), self[:]...)
	return n.packet(n.address, to, body), multicast(to)
}

// solicited is the group in which the holder hears (RFC 4291 section 2.7.1).
func (n ndp) solicited() netip.Addr {
	a := n.address.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]})
}

// multicast is the hardware address of a group (RFC 2464 section 7).
func multicast(group netip.Addr) mac {
	a := group.As16()
	return mac{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

func (n ndp) packet(from, to netip.Addr, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(body))) //nolint:gosec // 32 at most
	b = append(b, icmpv6, hopLimit)
	b = append(append(append(b, from.AsSlice()...), to.AsSlice()...), body...)
	binary.BigEndian.PutUint16(b[headerLength+2:], checksum(b))
	return b
}

// checksum is that of ICMPv6 (RFC 4443 section 2.3) over a packet without one.
func checksum(b []byte) uint16 {
	sum := uint32(len(b)-headerLength) + icmpv6 //nolint:gosec // a small packet
	for i := 8; i+1 < len(b); i += 2 {          // addresses and message; its length is even
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// read implements [language].
func (n ndp) read(b []byte, from mac) (s sighting, about bool) {
	if len(b) < targetEnd || b[6] != icmpv6 || b[7] != hopLimit || netip.AddrFrom16([16]byte(b[headerLength+8:targetEnd])) != n.address {
		return s, false
	}
	sender := netip.AddrFrom16([16]byte(b[8:24]))
	s.from, s.claims = from, b[headerLength] == advertisement
	return s, s.claims || b[headerLength] == solicitation && sender.IsUnspecified()
}
