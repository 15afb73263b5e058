package message

import (
	"net/netip"
	"strings"
	"unsafe"
)

// Parse reads one message from a datagram, or from the part of a stream that [Frame] found. raw may be reused afterwards.
// It is cheap: it indexes the lines and checks their form, the start line and Content-Length, to which the body is cut;
// values are not looked at (see [Message.Validate]).
//
// The error is a *SyntaxError. The Message beside it is not nil when it is a request that has a Via and so can be answered;
// it is for answering only. An ACK is never to be answered.
func Parse(raw []byte) (*Message, error) {
	m := new(Message)
	wrong := m.read(view(raw))
	return m.parsed(wrong, strings.Clone)
}

// ParseString is Parse for text that is a string already; it is kept, not copied.
func ParseString(raw string) (*Message, error) {
	m := new(Message)
	wrong := m.read(raw)
	return m.parsed(wrong, same)
}

// ParseFrom is Parse followed by [Message.Received], without the copy between.
func ParseFrom(raw []byte, source netip.AddrPort) (*Message, error) {
	m := new(Message)
	wrong := m.read(view(raw))
	if m.IsRequest() && m.stamp(m, source) {
		return m.parsed(wrong, same)
	}
	return m.parsed(wrong, strings.Clone)
}

// parsed gives out a message that was read, its text kept by keep.
func (m *Message) parsed(wrong *SyntaxError, keep func(string) string) (*Message, error) {
	if wrong != nil && (!m.IsRequest() || !m.Has(Via)) {
		return nil, wrong
	}
	m.raw = keep(m.raw)
	if wrong != nil {
		return m, wrong
	}
	return m, nil
}

func same(s string) string { return s }

// view is b as a string for as long as b is not written to: the index is made before the text is copied once, in its length.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // only read, and copied before Parse returns
}
