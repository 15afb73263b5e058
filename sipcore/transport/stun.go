package transport

import (
	"encoding/binary"
	"net/netip"
)

// This file answers the keep-alives of phones that speak RFC 5626 over UDP: STUN
// Binding requests (RFC 5389), which say that the flow works and where it comes
// from. SIP begins with a letter, STUN with two zero bits.

const (
	stunHead      = 20
	stunCookie    = 0x2112A442
	bindingAsks   = 0x0001
	bindingAnswer = 0x0101
	xorMapped     = 0x0020
)

// isBinding reports whether datagram is a Binding request. Those of before RFC
// 5389, without the cookie, are not: nobody sends them to a SIP port.
func isBinding(datagram []byte) bool {
	return len(datagram) >= stunHead && datagram[0] == 0 && datagram[1] == bindingAsks &&
		int(binary.BigEndian.Uint16(datagram[2:])) == len(datagram)-stunHead &&
		binary.BigEndian.Uint32(datagram[4:]) == stunCookie
}

// appendBinding appends the answer to the Binding request datagram of from.
func appendBinding(dst, datagram []byte, from netip.AddrPort) []byte {
	family, addr := byte(1), from.Addr().AsSlice()
	if from.Addr().Is6() {
		family = 2
	}
	dst = binary.BigEndian.AppendUint16(dst, bindingAnswer)
	dst = binary.BigEndian.AppendUint16(dst, uint16(8+len(addr))) //nolint:gosec // 12 or 24
	dst = append(dst, datagram[4:stunHead]...)
	dst = binary.BigEndian.AppendUint16(dst, xorMapped)
	dst = binary.BigEndian.AppendUint16(dst, uint16(4+len(addr))) //nolint:gosec // 8 or 20
	dst = append(dst, 0, family)
	dst = binary.BigEndian.AppendUint16(dst, from.Port()^uint16(stunCookie>>16))
	for i, b := range addr {
		dst = append(dst, b^datagram[4+i]) // the cookie, then the transaction's ID
	}
	return dst
}
