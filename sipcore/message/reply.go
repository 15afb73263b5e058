package message

import (
	"slices"
	"strconv"
)

// A Reply is a response in the making: the lines of its request that a response repeats (RFC 3261 8.2.6), then what is added.
// Values are written as an Edit writes them. It is for one goroutine.
type Reply struct {
	m            *Message
	status       int
	reason       string
	toTag        string
	contentType  string
	body         string
	recordRoutes bool
	count        int
	fields       [4]field
	more         []field // beyond fields
}

type field struct{ name, value string }

// Reply starts a response to request m: its Vias as they are (see Received), From, To, Call-ID, CSeq, and Timestamp for a
// 100. To gets toTag if it has no tag and toTag is not "". An empty reason is the standard phrase.
func (m *Message) Reply(status int, reason, toTag string) Reply {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	return Reply{m: m, status: status, reason: reason, toTag: toTag}
}

// RecordRoutes repeats the Record-Route lines too: for what makes a dialog (RFC 3261 12.1.1).
func (r *Reply) RecordRoutes() { r.recordRoutes = true }

// Add adds a header line.
func (r *Reply) Add(name Name, value string) { r.AddNamed(name.String(), value) }

// AddNamed adds a header line of any name; one that is no token is left out.
func (r *Reply) AddNamed(name, value string) {
	if r.count < len(r.fields) {
		r.fields[r.count] = field{name, value}
		r.count++
	} else {
		r.more = append(r.more, field{name, value})
	}
}

// Body gives the response a body.
func (r *Reply) Body(contentType, body string) { r.contentType, r.body = contentType, body }

// AppendTo appends the response to dst, Content-Length and body last. It makes dst larger once, if at all.
func (r Reply) AppendTo(dst []byte) []byte {
	dst = append(slices.Grow(dst, r.size()), "SIP/2.0 "...)
	dst = strconv.AppendInt(dst, int64(r.status), 10)
	dst = append(appendValue(append(dst, ' '), r.reason), "\r\n"...)
	dst = r.appendRepeated(dst)
	for _, f := range r.fields[:r.count] {
		dst = appendHeader(dst, f.name, f.value)
	}
	for _, f := range r.more {
		dst = appendHeader(dst, f.name, f.value)
	}
	if r.contentType != "" {
		dst = appendHeader(dst, ContentType.String(), r.contentType)
	}
	dst = appendLength(dst, len(r.body))
	return append(append(dst, "\r\n"...), r.body...)
}

// size is a little more than the length of the response.
func (r *Reply) size() int {
	n := len("SIP/2.0 200 \r\n;tag=\r\nContent-Length: 65535\r\n\r\n") + len(r.reason) + len(r.toTag) + len(r.body)
	if r.contentType != "" {
		n += len("Content-Type: \r\n") + len(r.contentType)
	}
	for i := range r.m.Lines() {
		if l := r.m.at(i); r.repeats(l.name) {
			n += int(l.end-l.start) + len("\r\n")
		}
	}
	for _, f := range r.fields[:r.count] {
		n += f.size()
	}
	for _, f := range r.more {
		n += f.size()
	}
	return n
}

func (f field) size() int { return len(f.name) + len(": \r\n") + len(f.value) }

// appendRepeated repeats lines in the order of the request: Vias all, others once, whatever a malformed request has.
func (r *Reply) appendRepeated(dst []byte) []byte {
	var done uint64
	for i := range r.m.Lines() {
		l := r.m.at(i)
		if !r.repeats(l.name) || done&l.name.bit() != 0 {
			continue
		}
		if l.name != Via && l.name != RecordRoute {
			done |= l.name.bit()
		}
		dst = append(dst, r.m.raw[l.start:l.end]...)
		if l.name == To && r.toTag != "" && r.m.ToTag() == "" {
			dst = appendValue(append(dst, ";tag="...), r.toTag)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}

func (r *Reply) repeats(n Name) bool {
	switch n {
	case Via, From, To, CallID, CSeq:
		return true
	case Timestamp:
		return r.status == 100
	case RecordRoute:
		return r.recordRoutes
	default:
		return false
	}
}
