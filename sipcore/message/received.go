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
	var b strings.Builder
	b.Grow(len(from.raw) + len(";received=;rport=65535") + 45)
	b.WriteString(strings.TrimSuffix(from.raw[:end-len(via.Params)], ";"))
	via.writeStamped(&b, source, via.HasRPort || host != source.Addr())
	grown := b.Len() - end
	b.WriteString(from.raw[end:])
	if m != from {
		*m = *from
		m.more = slices.Clone(from.more)
	}
	m.raw = b.String()
	m.shift(i, grown)
	return true
}

// writeStamped writes the parameters from their first semicolon on, with what is known about the source.
func (v ViaValue) writeStamped(b *strings.Builder, source netip.AddrPort, received bool) {
	var buf [48]byte
	for rest := v.Params; rest != ""; {
		name, _, next, _ := nextParam(rest)
		text := rest[:len(rest)-len(next)]
		rest = strings.TrimPrefix(next, ";")
		if sameFold(name, "received") {
			continue
		}
		b.WriteByte(';')
		if sameFold(name, "rport") {
			b.WriteString("rport=")
			b.Write(strconv.AppendUint(buf[:0], uint64(source.Port()), 10))
		} else {
			b.WriteString(text)
		}
	}
	if received {
		b.WriteString(";received=")
		b.Write(source.Addr().AppendTo(buf[:0]))
	}
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
