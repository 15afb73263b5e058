package message

import (
	"math/bits"
	"strings"
)

// Header lines a request must have, and those it must not have twice (RFC 3261 8.1.1, 7.3.1).
const (
	mandatory uint64 = 1<<Via | 1<<From | 1<<To | 1<<CallID | 1<<CSeq
	single    uint64 = 1<<From | 1<<To | 1<<CallID | 1<<CSeq | 1<<MaxForwards | 1<<ContentLength | 1<<ContentType |
		1<<Expires | 1<<MinExpires | 1<<Event | 1<<Timestamp | 1<<SessionExpires | 1<<MinSE | 1<<RAck | 1<<RSeq |
		1<<Replaces | 1<<ReferTo | 1<<ReferredBy | 1<<SubscriptionState | 1<<MaxBreadth | 1<<SIPETag | 1<<SIPIfMatch |
		1<<Join | 1<<TargetDialog
)

// Validate checks what a server checks of a new request before it acts (RFC 3261 8.2, 16.3; RFC 4475): a Request-URI that
// parses; Via, From, To, Call-ID and CSeq there; nothing twice that is single; addresses, Vias, CSeq, Max-Forwards and
// Expires well-formed and in range; CSeq's method that of the start line. It returns nil or a *SyntaxError.
//
// Not checked: which schemes, methods and extensions are supported (416, 405, 420), headers that only endpoints read, such as
// Date, and parameters, such as expires= of a Contact, whose malformed values have a defined meaning. A response may be
// validated too: its lines are.
func (m *Message) Validate() error {
	if wrong := m.validate(); wrong != nil {
		return wrong
	}
	return nil
}

func (m *Message) validate() *SyntaxError {
	if m.IsRequest() && !validRequestURI(m.RequestURI()) {
		return bad("Bad Request-URI")
	}
	if missing := mandatory &^ m.have; missing != 0 {
		return bad("Missing " + names[bits.TrailingZeros64(missing)])
	}
	var seen uint64
	for i := range int(m.count) {
		n := m.at(i).name
		if seen&single&n.bit() != 0 {
			return bad("Multiple " + names[n])
		}
		seen |= n.bit()
		if !m.validValue(n, m.value(i)) {
			return bad("Bad " + names[n])
		}
	}
	return nil
}

// validRequestURI checks the syntax; a SIP Request-URI has no headers (RFC 3261 19.1.1).
func validRequestURI(s string) bool {
	u, err := ParseURI(s)
	return err == nil && u.Headers == ""
}

func (m *Message) validValue(n Name, v string) bool {
	switch n {
	case Via:
		return validList(v, validVia)
	case From, To:
		return validAddress(v)
	case Contact:
		return v == "*" || validList(v, validAddress)
	case Route, RecordRoute, Path, ServiceRoute:
		return validList(v, validRoute)
	case CallID:
		return validCallID(v)
	case CSeq:
		return m.validCSeq(v)
	case MaxForwards:
		return validNumber(v, 255)
	case Expires, MinExpires:
		return validNumber(v, 1<<32-1)
	default:
		return true
	}
}

func validNumber(v string, limit uint32) bool {
	_, ok := parseNumber(v, limit)
	return ok
}

// validCSeq checks the number, below 2^31 (RFC 3261 8.1.1.5), and that the method is the request's.
func (m *Message) validCSeq(v string) bool {
	number, method, ok := parseCSeq(v)
	return ok && number < 1<<31 && (!m.IsRequest() || method == m.MethodName())
}

// validCallID lets pass more than the grammar, but nothing that separates.
func validCallID(v string) bool {
	for i := range len(v) {
		if v[i] <= ' ' || v[i] == 0x7f {
			return false
		}
	}
	return v != ""
}

// validList checks each value of a list; an empty one is wrong.
func validList(list string, valid func(string) bool) bool {
	for more := true; more; {
		var v string
		v, list, more = cutValue(list)
		if !valid(v) {
			return false
		}
	}
	return true
}

func validVia(s string) bool {
	var v ViaValue
	version, ok := v.parse(s)
	return ok && version == "2.0"
}

func validAddress(s string) bool {
	a, err := ParseNameAddr(s)
	if err != nil {
		return false
	}
	_, err = ParseURI(a.URI)
	return err == nil
}

// validRoute is validAddress within <> (RFC 3261 20.30, 20.34).
func validRoute(s string) bool {
	return strings.IndexByte(s, '<') >= 0 && validAddress(s)
}
