// Package message reads and writes SIP messages (RFC 3261) as the wire has them.
//
// A [Message] keeps its text as one string beside a small index of its header lines; values are parsed when they are asked
// for, and everything handed out is a piece of that string. What must change on the way through is said to an [Edit], which
// splices: bytes nobody touched leave as they came. A [Reply] is made of the request's own lines.
//
// Here lives what can be decided from the bytes alone: framing, syntax, equality. Not here: sockets, clocks, transactions,
// what a method means, which schemes and extensions a server supports. The package talks to nobody and imports nothing of ours.
package message

import (
	"iter"
	"strings"
)

// Limits of what is read. A head within MaxHead lets the index use 16-bit offsets.
const (
	MaxHead    = 32 << 10 // bytes of start line and header lines, with the empty line
	MaxMessage = 64 << 10 // bytes of a whole message on a stream
	MaxLines   = 256      // header lines
)

// inlineLines is how many header lines are indexed inside the Message; with it a Message is 256 bytes. Longer heads spill.
const inlineLines = 24

// A Message is one SIP request or response. It is immutable and safe for concurrent reading; strings it returns share its
// text. Offsets count from the start line, never from what stood before it.
type Message struct {
	raw   string
	more  []line // lines beyond the inline ones
	have  uint64 // bit n: a line named n exists
	head  uint16 // where the header lines start
	tail  uint16 // where they end: at the empty line
	body  uint16 // where the body starts
	from  uint16 // the Request-URI, or the reason phrase, lies in raw[from:to]
	to    uint16
	count uint16 // header lines
	// status is 0 for a request.
	status uint16
	method Method
	lines  [inlineLines]line
}

// IsRequest reports whether m is a request, not a response.
func (m *Message) IsRequest() bool { return m.status == 0 }

// Method is the method of the start line, or of CSeq for a response.
func (m *Message) Method() Method { return m.method }

// MethodName is the method as text, also when Method is Unknown.
func (m *Message) MethodName() string {
	if m.method != Unknown {
		return m.method.String()
	}
	if !m.IsRequest() {
		_, method := m.CSeq()
		return method
	}
	name, _, _ := strings.Cut(m.raw[:m.head], " ")
	return strings.TrimRight(name, "\r\n")
}

// RequestURI is the text of the Request-URI; "" for a response.
func (m *Message) RequestURI() string {
	if !m.IsRequest() {
		return ""
	}
	return m.raw[m.from:m.to]
}

// Status is the status code of a response, 0 for a request.
func (m *Message) Status() int { return int(m.status) }

// Reason is the reason phrase of a response, "" for a request.
func (m *Message) Reason() string {
	if m.IsRequest() {
		return ""
	}
	return m.raw[m.from:m.to]
}

// Raw is the whole text, body included. Line ends are CRLF even if the sender's were not.
func (m *Message) Raw() string { return m.raw }

// Body is what follows the empty line, as long as Content-Length says.
func (m *Message) Body() string { return m.raw[m.body:] }

// CallID is the value of Call-ID, "" when there is none.
func (m *Message) CallID() string {
	v, _ := m.Header(CallID)
	return v
}

// CSeq is the sequence number and the method text of CSeq; 0 and "" when it is missing or malformed.
func (m *Message) CSeq() (number uint32, method string) {
	v, _ := m.Header(CSeq)
	number, method, _ = parseCSeq(v)
	return number, method
}

// FromTag is the tag of From, "" when there is none.
func (m *Message) FromTag() string { return m.tag(From) }

// ToTag is the tag of To, "" when there is none.
func (m *Message) ToTag() string { return m.tag(To) }

func (m *Message) tag(n Name) string {
	v, _ := m.Header(n)
	a, err := ParseNameAddr(v)
	if err != nil {
		return ""
	}
	tag, _ := a.Param("tag")
	return tag
}

// Header is the value of the first line named n: trimmed, folding kept raw (see [Unfold]), a list not split (see Values).
func (m *Message) Header(n Name) (value string, ok bool) {
	i := m.first(n)
	if i < 0 {
		return "", false
	}
	return m.value(i), true
}

// HeaderNamed is Header for any name, in any case, compact or long.
func (m *Message) HeaderNamed(name string) (value string, ok bool) {
	if n := nameOf(name); n != Other {
		return m.Header(n)
	}
	for i := range m.Lines() {
		if n, text, v := m.Line(i); n == Other && sameFold(text, name) && text != "" {
			return v, true
		}
	}
	return "", false
}

// Has reports whether a line named n exists.
func (m *Message) Has(n Name) bool { return m.have&n.bit() != 0 }

// Count is the number of lines named n.
func (m *Message) Count(n Name) int {
	if !m.Has(n) {
		return 0
	}
	sum := 0
	for i := range m.Lines() {
		if m.at(i).name == n {
			sum++
		}
	}
	return sum
}

// Lines is the number of header lines.
func (m *Message) Lines() int { return int(m.count) }

// Line is the i-th header line: which header it is, its name as written, and its value as Header gives it.
// It panics when i is not in [0, Lines()).
func (m *Message) Line(i int) (n Name, name, value string) {
	l := m.at(i)
	return l.name, m.raw[l.start : int(l.start)+int(l.width)], m.raw[l.value:l.end]
}

// Values are the comma-separated values of all lines named n in order. Commas within quotes and <> do not separate; empty
// values are passed over. Only for headers that are lists: not for From, Date, the authenticate headers...
func (m *Message) Values(n Name) iter.Seq[string] {
	return func(yield func(string) bool) { m.eachValue(n, yield) }
}

func (m *Message) eachValue(n Name, yield func(string) bool) {
	for i := m.first(n); i >= 0; i = m.next(n, i) {
		for rest, more := m.value(i), true; more; {
			var v string
			v, rest, more = cutValue(rest)
			if v != "" && !yield(v) {
				return
			}
		}
	}
}

// HasToken reports whether token stands, in any case, among the values of the lines named n: an option tag in Supported.
func (m *Message) HasToken(n Name, token string) bool {
	for v := range m.Values(n) {
		if sameFold(v, token) {
			return true
		}
	}
	return false
}

// TopVia is the first Via value, parsed. When it is malformed, ok is false and the Via has what could be read.
func (m *Message) TopVia() (v ViaValue, ok bool) {
	text, ok := m.Header(Via)
	if !ok {
		return ViaValue{}, false
	}
	first, _, _ := cutValue(text)
	v, err := ParseVia(first)
	return v, err == nil
}
