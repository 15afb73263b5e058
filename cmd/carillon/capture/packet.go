package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"carillon/node/admin"
)

const (
	protocolTCP = 6
	protocolUDP = 17

	sipPort = 5060 // where Wireshark looks for SIP
)

// conversations count what has gone each way on each connection, for the
// numbers of TCP.
type conversations map[way]uint32

// A way is one direction of a connection.
type way struct{ from, to netip.AddrPort }

// packet makes an IP packet of a message.
func (c conversations) packet(m admin.Message) ([]byte, error) {
	w, err := wayOf(m)
	if err != nil {
		return nil, err
	}
	payload := []byte(m.Text)
	if m.Transport == "udp" {
		return ip(w, protocolUDP, udp(w, payload)), nil
	}
	segment := tcp(w, c[w], c[way{w.to, w.from}], payload)
	c[w] += uint32(len(payload)) //nolint:gosec // bounded by what a node tells
	return ip(w, protocolTCP, segment), nil
}

// wayOf returns between which addresses a message went. What was not on SIP's
// own port, as TLS, is put there, or Wireshark would not know it.
func wayOf(m admin.Message) (way, error) {
	local, err := netip.ParseAddrPort(m.Local)
	if err != nil {
		return way{}, fmt.Errorf("reading an address: %w", err)
	}
	remote, err := netip.ParseAddrPort(m.Peer.Address)
	if err != nil {
		return way{}, fmt.Errorf("reading an address: %w", err)
	}
	if local.Addr().Is4() != remote.Addr().Is4() {
		return way{}, fmt.Errorf("%s and %s are of two families", local, remote)
	}
	if m.Transport != "udp" && m.Transport != "tcp" {
		local = netip.AddrPortFrom(local.Addr(), sipPort)
	}
	if m.Sent {
		return way{local, remote}, nil
	}
	return way{remote, local}, nil
}

// ip puts the header of IPv4 (RFC 791) or IPv6 (RFC 8200) in front.
func ip(w way, protocol byte, payload []byte) []byte {
	be := binary.BigEndian
	if w.from.Addr().Is4() {
		b := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0}
		b = append(append(b, w.from.Addr().AsSlice()...), w.to.Addr().AsSlice()...)
		be.PutUint16(b[2:], uint16(len(b)+len(payload))) //nolint:gosec // a node keeps less of a message
		be.PutUint16(b[10:], sum(0, b))
		return append(b, payload...)
	}
	b := []byte{0x60, 0, 0, 0, 0, 0, protocol, 64}
	be.PutUint16(b[4:], uint16(len(payload))) //nolint:gosec // a node keeps less of a message
	b = append(append(b, w.from.Addr().AsSlice()...), w.to.Addr().AsSlice()...)
	return append(b, payload...)
}

// udp is RFC 768.
func udp(w way, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, w.from.Port())
	b = binary.BigEndian.AppendUint16(b, w.to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload))) //nolint:gosec // a node keeps less of a message
	b = append(append(b, 0, 0), payload...)
	checked(w, protocolUDP, b, 6)
	return b
}

// tcp is RFC 9293, a segment in the middle of a connection.
func tcp(w way, sent, acknowledged uint32, payload []byte) []byte {
	const headerWords, ackPush = 5, 0x18
	be := binary.BigEndian
	b := be.AppendUint16(nil, w.from.Port())
	b = be.AppendUint16(b, w.to.Port())
	b = be.AppendUint32(b, 1+sent)
	b = be.AppendUint32(b, 1+acknowledged)
	b = append(b, headerWords<<4, ackPush, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, payload...)
	checked(w, protocolTCP, b, 16)
	return b
}

// checked fills in a checksum over the pseudo header and b.
func checked(w way, protocol byte, b []byte, at int) {
	pseudo := append(w.from.Addr().AsSlice(), w.to.Addr().AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(b))) //nolint:gosec // small
	pseudo = append(pseudo, 0, 0, 0, protocol)
	value := sum(^sum(0, pseudo), b)
	if value == 0 && protocol == protocolUDP {
		value = 0xffff // 0 would be none
	}
	binary.BigEndian.PutUint16(b[at:], value)
}

// sum is the checksum of the internet (RFC 1071), going on from start.
func sum(start uint16, b []byte) uint16 {
	total := uint32(start)
	for ; len(b) >= 2; b = b[2:] {
		total += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return ^uint16(total)
}
