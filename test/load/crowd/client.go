package crowd

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"carillon/test/house/wire"
)

// RFC 3261 section 17.1.1.1.
const (
	t1      = 500 * time.Millisecond
	t2      = 4 * time.Second
	timeout = 64 * t1
)

// A client is a request that waits for its final response.
type client struct {
	request wire.Message // as it was sent
	heard   func(wire.Message)
	repeat  *repeat
}

// ask sends a request. heard gets each of its responses up to the final one,
// which is a 408 of our own when none comes.
func (p *phone) ask(m wire.Message, heard func(wire.Message)) {
	p.askAs(m, "z9hG4bK"+rand.Text(), heard)
}

// askAs is ask with a branch.
func (p *phone) askAs(m wire.Message, branch string, heard func(wire.Message)) {
	sent := m.Clone()
	via := wire.Header{Name: "Via", Value: fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(p.transport), p.here(), branch)}
	sent.Headers = append([]wire.Header{via}, sent.Headers...)
	key := branch + " " + m.Method()
	lost := func() {
		if p.take(key) {
			heard(wire.Message{Start: "SIP/2.0 408 no answer to " + m.Method()})
		}
	}
	c := &client{request: sent, heard: heard, repeat: p.repeat(sent.String(), p.transport == "udp", lost)}
	p.mu.Lock()
	p.clients[key] = c
	p.mu.Unlock()
	p.send(sent.String())
}

// take removes a client; false if it has its answer.
func (p *phone) take(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, there := p.clients[key]
	delete(p.clients, key)
	return there
}

// A repeat is a text that is sent again and again, where it can be lost, until
// it is stopped or its time is over.
type repeat struct {
	phone *phone
	text  string
	end   time.Time
	wait  time.Duration
	lost  func() // its time was over

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

func (p *phone) repeat(text string, repeats bool, lost func()) *repeat {
	r := &repeat{phone: p, text: text, end: time.Now().Add(timeout), wait: timeout, lost: lost}
	if repeats {
		r.wait = t1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(r.wait, r.again)
	return r
}

func (r *repeat) again() {
	r.mu.Lock()
	over := !time.Now().Before(r.end)
	if r.stopped {
		r.mu.Unlock()
		return
	}
	r.wait = min(2*r.wait, t2)
	r.stopped = over
	if !over {
		r.timer.Reset(min(r.wait, time.Until(r.end)))
	}
	r.mu.Unlock()
	if over {
		r.lost()
		return
	}
	r.phone.send(r.text)
}

// stop ends it. A nil repeat is none.
func (r *repeat) stop() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.timer.Stop()
}

// send writes to the line of now. An error is a line that has ended: what was
// asked on it will time out.
func (p *phone) send(text string) {
	p.mu.Lock()
	l := p.line
	p.mu.Unlock()
	_ = l.send(text)
}

// answered takes a response.
func (p *phone) answered(m wire.Message) {
	via := append(m.All("Via"), "")[0]
	key := wire.Param(via, "branch") + " " + m.Method()
	p.mu.Lock()
	c, again := p.clients[key], p.repeats[key]
	final := m.Status() >= 200
	if c != nil && final {
		delete(p.clients, key)
	}
	p.mu.Unlock()
	if c != nil && (final || m.Method() == "INVITE") {
		c.repeat.stop()
	}
	switch {
	case c == nil && again != "":
		p.send(again) // the ACK was lost
	case c == nil:
	default:
		if final && m.Method() == "INVITE" && m.Status() >= 300 {
			p.acknowledge(key, c.request, m)
		}
		c.heard(m)
	}
}

// acknowledge answers a refusal, which belongs to the INVITE's transaction.
func (p *phone) acknowledge(key string, invite, refusal wire.Message) {
	ack := wire.Message{Start: "ACK " + invite.URI() + " SIP/2.0"}
	for _, name := range []string{"Via", "Max-Forwards", "From", "Call-ID"} {
		ack.Add(name, invite.Get(name))
	}
	ack.Add("To", refusal.Get("To"))
	ack.Add("CSeq", fmt.Sprintf("%d ACK", invite.CSeq()))
	p.repeatOn(key, ack.String())
	p.send(ack.String())
}

// repeatOn remembers what is to be sent when the other side repeats itself.
func (p *phone) repeatOn(key, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.repeats[key] = text
	time.AfterFunc(timeout, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.repeats, key)
	})
}
