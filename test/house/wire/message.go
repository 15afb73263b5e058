// Package wire speaks SIP as plain text over real sockets, for tests that must
// say exactly which bytes a phone sends. It lives from the standard library, and
// a library's WebSocket: sharing no code with sipcore, it checks it. Transactions, dialogs and
// retransmissions are not here; who uses it decides each message itself.
package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// A Message is one SIP request or response as text. Copy it with [Message.Clone].
type Message struct {
	Start   string // start line
	Headers []Header
	Body    string
}

// A Header is one header line.
type Header struct{ Name, Value string }

// Parse reads the text of one whole message. Folded lines become one.
func Parse(text string) (Message, error) {
	head, body, whole := strings.Cut(text, "\r\n\r\n")
	if !whole {
		return Message{}, fmt.Errorf("no end of the header in %q", text)
	}
	head = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(head)
	lines := strings.Split(head, "\r\n")
	m := Message{Start: lines[0], Body: body}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return Message{}, fmt.Errorf("no colon in header line %q", line)
		}
		m.Add(longName(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
	return m, nil
}

// longName expands the compact forms of RFC 3261 section 7.3.3.
func longName(name string) string {
	if len(name) != 1 {
		return name
	}
	for _, long := range []string{
		"iCall-ID", "mContact", "eContent-Encoding", "lContent-Length", "cContent-Type",
		"fFrom", "sSubject", "kSupported", "tTo", "vVia",
	} {
		if strings.EqualFold(long[:1], name) {
			return long[1:]
		}
	}
	return name
}

// String returns the bytes to send, with a Content-Length that fits the body
// unless the message carries one.
func (m Message) String() string {
	var b strings.Builder
	b.WriteString(m.Start + "\r\n")
	for _, h := range m.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	if !m.Has("Content-Length") {
		b.WriteString("Content-Length: " + strconv.Itoa(len(m.Body)) + "\r\n")
	}
	b.WriteString("\r\n" + m.Body)
	return b.String()
}

// Clone returns a copy whose headers can be changed alone.
func (m Message) Clone() Message {
	m.Headers = append([]Header(nil), m.Headers...)
	return m
}

// Request reports whether m is a request.
func (m Message) Request() bool { return !strings.HasPrefix(m.Start, "SIP/2.0 ") }

// Method returns the method of a request, or of a response's CSeq.
func (m Message) Method() string {
	if m.Request() {
		method, _, _ := strings.Cut(m.Start, " ")
		return method
	}
	_, method, _ := strings.Cut(m.Get("CSeq"), " ")
	return strings.TrimSpace(method)
}

// URI returns the Request-URI of a request.
func (m Message) URI() string {
	fields := strings.Fields(m.Start)
	if !m.Request() || len(fields) < 2 {
		return ""
	}
	return fields[1]
}

// Status returns the status code of a response and 0 for a request.
func (m Message) Status() int {
	if m.Request() {
		return 0
	}
	fields := strings.Fields(m.Start)
	if len(fields) < 2 {
		return 0
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return n
}

// CSeq returns the number of CSeq.
func (m Message) CSeq() int {
	text, _, _ := strings.Cut(m.Get("CSeq"), " ")
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// Get returns the value of the first header line of that name, "" when there is none.
func (m Message) Get(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Has reports whether there is a header line of that name.
func (m Message) Has(name string) bool { return m.index(name) >= 0 }

// All returns the values of all header lines of that name, split at commas
// outside quotes and angle brackets.
func (m Message) All(name string) []string {
	var values []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			values = append(values, Split(h.Value)...)
		}
	}
	return values
}

// Add appends a header line.
func (m *Message) Add(name, value string) {
	m.Headers = append(m.Headers, Header{name, value})
}

// Set gives the first header line of that name another value, or appends one.
func (m *Message) Set(name, value string) {
	if i := m.index(name); i >= 0 {
		m.Headers[i].Value = value
		return
	}
	m.Add(name, value)
}

// Drop removes all header lines of that name.
func (m *Message) Drop(name string) {
	for i := m.index(name); i >= 0; i = m.index(name) {
		m.Headers = append(m.Headers[:i], m.Headers[i+1:]...)
	}
}

func (m Message) index(name string) int {
	for i, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return i
		}
	}
	return -1
}

// Reply starts a response: what RFC 3261 section 8.2.6.2 copies, with toTag
// added to To when it has no tag yet.
func (m Message) Reply(status int, reason, toTag string) Message {
	r := Message{Start: fmt.Sprintf("SIP/2.0 %d %s", status, reason)}
	for _, h := range m.Headers {
		switch strings.ToLower(h.Name) {
		case "via", "from", "call-id", "cseq":
			r.Add(h.Name, h.Value)
		case "record-route":
			if m.Method() == "INVITE" {
				r.Add(h.Name, h.Value)
			}
		case "to":
			if Param(h.Value, "tag") == "" && toTag != "" && status > 100 {
				h.Value += ";tag=" + toTag
			}
			r.Add(h.Name, h.Value)
		}
	}
	return r
}
