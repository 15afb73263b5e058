package scenario

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"carillon/test/house/wire"
)

// A phone is one device of a user: "bob" or, with a device, "bob.desk".
type phone struct {
	name, user string
	domain     string
	conn       *wire.Conn
	read       map[string]bool // UDP: what came already, to overlook retransmissions

	unanswered []wire.Message // requests received without a final answer, the oldest first
	sent       map[string]wire.Message
	challenge  wire.Message // the last 401 or 407
	proved     int          // how often it was answered
	registerID string
	sequence   int
	dialog     dialog
	watch      dialog // its last subscription
	etag       string // of what it published last
}

func newPhone(name, domain, transport string, node netip.AddrPort) (*phone, error) {
	user, _, _ := strings.Cut(name, ".")
	p := &phone{name: name, user: user, domain: domain, registerID: rand.Text(), read: map[string]bool{}, sent: map[string]wire.Message{}}
	var err error
	p.conn, err = wire.Dial(transport, node)
	return p, err
}

// receive returns the next message for the phone and remembers what later
// lines need of it.
func (p *phone) receive(within time.Duration) (wire.Message, error) {
	m, err := p.next(within)
	if err != nil {
		return m, err
	}
	switch {
	case m.Request() && m.Method() == "ACK":
	case m.Request():
		p.unanswered = append(p.unanswered, m)
		p.dialog.called(m)
	default:
		if m.Status() == 401 || m.Status() == 407 {
			p.challenge, p.proved = m, 0
		}
		p.answered(m)
	}
	return m, nil
}

func (p *phone) next(within time.Duration) (wire.Message, error) {
	for {
		m, err := p.conn.Receive(within)
		if err != nil {
			return m, fmt.Errorf("waiting for a message: %w", err)
		}
		text := m.String()
		if p.conn.Transport != "udp" || !p.read[text] {
			p.read[text] = true
			return m, nil
		}
	}
}

func (p *phone) send(m wire.Message) error {
	if m.Request() {
		p.sent[m.Method()] = m
		p.asks(m)
	}
	return p.conn.Send(m)
}

// asks notes which dialog a request of the phone begins or is in.
func (p *phone) asks(m wire.Message) {
	switch m.Method() {
	case "INVITE":
		p.dialog.asks(m)
	case "SUBSCRIBE":
		p.watch.asks(m)
	}
}

// answered notes what a response says of the phone's dialogs and publications.
func (p *phone) answered(m wire.Message) {
	switch m.Method() {
	case "INVITE":
		p.dialog.answered(m)
	case "SUBSCRIBE":
		p.watch.answered(m)
	case "PUBLISH":
		p.etag = m.Get("SIP-ETag")
	}
}

// contact is the URI where the phone can be reached.
func (p *phone) contact() string {
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", p.user, p.conn.Local(), p.conn.Transport)
}

func (p *phone) via() string {
	return fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", strings.ToUpper(p.conn.Transport), p.conn.Local(), rand.Text())
}

func (p *phone) aor(user string) string { return "<sip:" + user + "@" + p.domain + ">" }

// respond builds the answer to the newest request that has none, or to the
// newest one of the method a line names.
func (p *phone) respond(start, method string) (wire.Message, error) {
	var status int
	if _, err := fmt.Sscanf(start, "%d ", &status); err != nil {
		return wire.Message{}, fmt.Errorf("reading the status of %q: %w", start, err)
	}
	for i, m := range slices.Backward(p.unanswered) {
		if method != "" && m.Method() != method {
			continue
		}
		if status >= 200 {
			p.unanswered = append(p.unanswered[:i:i], p.unanswered[i+1:]...)
		}
		r := m.Reply(status, start[4:], p.dialog.tag())
		if m.Method() == "INVITE" && status < 300 {
			r.Add("Contact", p.contact())
		}
		p.dialog.answers(m, r)
		return r, nil
	}
	return wire.Message{}, fmt.Errorf("%s has no request to answer with %q", p.name, start)
}
