package message

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Received is the request with its top Via stamped by where it came from (RFC 3261 18.2.1, RFC 3581): received= when
// sent-by is not the source, or when rport was asked for, which is filled in. A received= that was there already is the
// sender's invention and goes. When there is nothing to stamp, and for a response, it is m itself.
func (m *Message) Received(source netip.AddrPort) *Message {
	stamped := new(Message)
	if !m.IsRequest() || !stamped.stamp(m, source) {
		return m
	}
	return stamped
}

// stamp makes m the stamped copy of from, which may be m itself. It reports false, having done nothing, when there is
// nothing to stamp.
func (m *Message) stamp(from *Message, source netip.AddrPort) bool {
	via, ok := from.TopVia()
	source = netip.AddrPortFrom(source.Addr().Unmap().WithZone(""), source.Port())
	host, _ := HostAddr(via.Host)
	needed := via.HasRPort || via.Received != "" || host != source.Addr()
	if !ok || !needed || !source.IsValid() {
		return false
	}
	i := from.first(Via)
	value, _, _ := cutValue(from.value(i))
	start := int(from.at(i).value)
	end := start + len(value)
	before := strings.TrimSuffix(from.raw[:end-len(via.Params)], ";")
	var room [256]byte
	params := via.appendStamped(room[:0], source, via.HasRPort || host != source.Addr())
	var b strings.Builder
	b.Grow(len(before) + len(params) + len(from.raw) - end)
	b.WriteString(before)
	b.Write(params)
	b.WriteString(from.raw[end:])
	if m != from {
		*m = *from
		m.more = slices.Clone(from.more)
	}
	m.raw = b.String()
	m.shift(i, len(before)+len(params)-end)
	return true
}

// appendStamped appends the parameters from their first semicolon on, with what is known about the source.
func (v *ViaValue) appendStamped(dst []byte, source netip.AddrPort, received bool) []byte {
	for rest := v.Params; rest != ""; {
		name, _, next, _ := nextParam(rest)
		text := rest[:len(rest)-len(next)]
		rest = strings.TrimPrefix(next, ";")
		if sameFold(name, "received") {
			continue
		}
		dst = append(dst, ';')
		if sameFold(name, "rport") {
			dst = strconv.AppendUint(append(dst, "rport="...), uint64(source.Port()), 10)
		} else {
			dst = append(dst, text...)
		}
	}
	if received {
		dst = source.Addr().AppendTo(append(dst, ";received="...))
	}
	return dst
}

// shift moves what lies behind the value of line i by n bytes.
func (m *Message) shift(i, n int) {
	m.at(i).end = offset(int(m.at(i).end) + n)
	for i++; i < int(m.count); i++ {
		l := m.at(i)
		l.start, l.value, l.end = offset(int(l.start)+n), offset(int(l.value)+n), offset(int(l.end)+n)
	}
	m.tail, m.body = offset(int(m.tail)+n), offset(int(m.body)+n)
}
