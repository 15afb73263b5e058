package address

import (
	"encoding/binary"
	"net/netip"
)

// arp asks and tells about an IPv4 address (RFC 826, RFC 5227).
type arp struct{ address netip.Addr }

const (
	arpLength  = 28
	arpRequest = 1
)

// probe implements [language]: who asks has no address in it, so that nobody
// remembers him for the holder.
func (a arp) probe(self mac) (packet []byte, group mac) {
	return a.packet(self, netip.IPv4Unspecified()), allARP()
}

// announce implements [language].
func (a arp) announce(self mac) (packet []byte, group mac) {
	return a.packet(self, a.address), allARP()
}

func allARP() mac { return mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// packet is a request for the address.
func (a arp) packet(self mac, from netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, arpRequest} // Ethernet, IPv4, their lengths
	b = append(b, self[:]...)
	b = append(b, from.AsSlice()...)
	b = append(b, make([]byte, len(self))...)
	return append(b, a.address.AsSlice()...)
}

// read implements [language]. Who sends is who the packet says: kernels believe
// that too.
func (a arp) read(b []byte, _ mac) (s sighting, about bool) {
	if len(b) < arpLength || binary.BigEndian.Uint64(b)>>16 != 0x000108000604 {
		return s, false
	}
	s.from = mac(b[8:14])
	sender, target := netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	s.claims = sender == a.address
	asks := sender.IsUnspecified() && target == a.address && binary.BigEndian.Uint16(b[6:]) == arpRequest
	return s, s.claims || asks
}
