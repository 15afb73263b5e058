package crowd

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"carillon/test/house/wire"
)

// A leg is one phone's side of one call (RFC 3261 section 12).
type leg struct {
	phone *phone
	plan  plan
	id    string // Call-ID
	tag   string
	calls bool // this is the side that called
	done  func(error)

	mu       sync.Mutex // guards all below
	invite   wire.Message
	local    string // From of what it sends
	remote   string
	target   string // the other's Contact
	routes   []string
	began    time.Time
	rang, up bool
	acked    bool // by the caller
	gaveUp   bool
	over     bool
	unacked  *repeat     // what is repeated until the ACK
	limit    *time.Timer // for the call to end
}

// longest is how long a call may take that goes wrong.
const longest = 50 * time.Second

func (p *phone) newLeg(id string, what plan, calls bool, done func(error)) *leg {
	l := &leg{phone: p, plan: what, id: id, tag: rand.Text(), calls: calls, done: done, began: time.Now()}
	l.limit = time.AfterFunc(longest, func() { l.end(errors.New("the call did not end: " + l.describe())) })
	p.legs.Add(1)
	p.mu.Lock()
	p.calls[id] = l
	p.mu.Unlock()
	return l
}

func (l *leg) describe() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("plan %s, calls %v, rang %v, up %v, gave up %v", l.plan.end, l.calls, l.rang, l.up, l.gaveUp)
}

// end takes the leg away; once.
func (l *leg) end(err error) {
	l.mu.Lock()
	over := l.over
	l.over = true
	l.unacked.stop()
	l.mu.Unlock()
	if over {
		return
	}
	l.limit.Stop()
	l.phone.mu.Lock()
	delete(l.phone.calls, l.id)
	l.phone.mu.Unlock()
	l.phone.legs.Add(-1)
	l.done(err)
}

// sdp is a body as phones have it. Nothing is played.
const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n" +
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

// callSomebody calls, and does to the end what the plan says.
func (p *phone) callSomebody(to *phone, what plan, done func(error)) {
	l := p.newLeg(rand.Text()+"@"+p.addr.String(), what, true, done)
	m := p.begin("INVITE", "sip:"+to.user+"@"+p.crowd.o.Domain, l.id)
	m.Add("From", p.aor()+";tag="+l.tag)
	m.Add("To", to.aor())
	m.Add("Contact", p.contact())
	m.Add("Subject", what.String())
	m.Add("Content-Type", "application/sdp")
	m.Body = sdp
	l.local = p.aor() + ";tag=" + l.tag
	p.askProven(m, func(answer wire.Message) { l.progress(answer) })
}

// progress takes the responses to the caller's INVITE.
func (l *leg) progress(answer wire.Message) {
	switch status := answer.Status(); {
	case status <= 100:
	case status < 200:
		l.rings()
	case status < 300:
		l.answered(answer)
	case status == 486 && l.plan.end == engaged:
		l.phone.crowd.Busy.Add(1)
		l.end(nil)
	case status == 487 && l.plan.end == givenUp:
		l.phone.crowd.Cancelled.Add(1)
		l.end(nil)
	default:
		l.end(fmt.Errorf("plan %s, INVITE: %s", l.plan.end, short(answer)))
	}
}

// rings notes how long that took, and gives up later if that is the plan.
func (l *leg) rings() {
	l.mu.Lock()
	first := !l.rang
	l.rang = true
	l.mu.Unlock()
	if !first {
		return
	}
	l.phone.crowd.setUp(time.Since(l.began))
	if l.plan.end == givenUp {
		time.AfterFunc(l.plan.ring, l.giveUp)
	}
}

// giveUp sends a CANCEL for the INVITE that waits.
func (l *leg) giveUp() {
	c, branch := l.phone.waiting(l.id)
	if c == nil {
		return // it was answered meanwhile
	}
	m := wire.Message{Start: "CANCEL " + c.request.URI() + " SIP/2.0"}
	for _, name := range []string{"Max-Forwards", "From", "To", "Call-ID"} {
		m.Add(name, c.request.Get(name))
	}
	m.Add("CSeq", fmt.Sprintf("%d CANCEL", c.request.CSeq()))
	l.phone.askAs(m, branch, func(answer wire.Message) {
		if s := answer.Status(); s >= 300 && s != 481 {
			l.end(errors.New("CANCEL: " + short(answer)))
		}
	})
}

// waiting returns the INVITE of a call that has no final response, and its branch.
func (p *phone) waiting(callID string) (c *client, branch string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c = range p.clients {
		if c.request.Get("Call-ID") == callID && c.request.Method() == "INVITE" {
			return c, wire.Param(c.request.All("Via")[0], "branch")
		}
	}
	return nil, ""
}

// answered acknowledges a 2xx, and each repetition of it.
func (l *leg) answered(answer wire.Message) {
	l.mu.Lock()
	l.up, l.remote = true, answer.Get("To")
	l.target, l.routes = wire.AddrURI(answer.Get("Contact")), answer.All("Record-Route")
	slices.Reverse(l.routes)
	l.mu.Unlock()
	ack := l.within("ACK", answer.CSeq())
	via := fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", strings.ToUpper(l.phone.transport), l.phone.here(), rand.Text())
	ack.Headers = append([]wire.Header{{Name: "Via", Value: via}}, ack.Headers...)
	l.phone.repeatOn(wire.Param(answer.All("Via")[0], "branch")+" INVITE", ack.String())
	l.phone.send(ack.String())
	switch l.plan.end {
	case callerHangsUp:
		time.AfterFunc(l.plan.talk, l.hangUp)
	case calleeHangsUp:
	default:
		l.hangUp() // it was answered before the caller could give up
	}
}

// within is a request of this call.
func (l *leg) within(method string, cseq int) wire.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := wire.Message{Start: method + " " + l.target + " SIP/2.0"}
	m.Add("Max-Forwards", "70")
	for _, r := range l.routes {
		m.Add("Route", r)
	}
	m.Add("From", l.local)
	m.Add("To", l.remote)
	m.Add("Call-ID", l.id)
	m.Add("CSeq", strconv.Itoa(cseq)+" "+method)
	return m
}

// hangUp ends a call that is up.
func (l *leg) hangUp() {
	l.phone.askProven(l.within("BYE", l.phone.nextCSeq()), func(answer wire.Message) {
		if s := answer.Status(); s < 200 || s >= 300 {
			l.end(fmt.Errorf("BYE of the %s: %s", l.side(), short(answer)))
			return
		}
		l.countAnswered()
		l.end(nil)
	})
}

func (l *leg) side() string {
	if l.calls {
		return "caller"
	}
	return "callee"
}

// hungUp: the other side has ended the call.
func (l *leg) hungUp() {
	l.countAnswered()
	l.end(nil)
}

func (l *leg) countAnswered() {
	if l.calls {
		l.phone.crowd.Answered.Add(1)
	}
}
