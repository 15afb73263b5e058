package house

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"

	"carillon/test/house/wire"
)

// A call is one dialog of a phone (RFC 3261 section 12), either way.
type call struct {
	news

	phone         *Phone
	id            string // Call-ID
	local, remote string // From and To of our requests
	target        string // remote target
	routes        []string
	cseq          int
}

// HangsUp ends the call and waits until the other side agrees.
func (c *call) HangsUp() {
	c.phone.h.tb.Helper()
	if got := c.within("BYE"); got != 200 {
		c.phone.h.fatal("%s hangs up: got %d, want 200; before: %s", c.phone.User, got, &c.news)
	}
}

// TriesToHangUp sends BYE and returns the status of the answer.
func (c *call) TriesToHangUp() int {
	c.phone.h.tb.Helper()
	return c.within("BYE")
}

// IsHungUp waits until the other side ends the call.
func (c *call) IsHungUp() {
	c.phone.h.tb.Helper()
	c.sees("BYE")
}

// sees waits for news that begin so and returns them.
func (c *call) sees(beginning string) string {
	c.phone.h.tb.Helper()
	what, ok := c.await(begins(beginning))
	if !ok {
		c.phone.h.fatal("%s: waiting for %s: got only: %s", c.phone.User, beginning, &c.news)
	}
	return what
}

// within sends a request inside the dialog and returns the final status.
func (c *call) within(method string, lines ...string) int {
	c.phone.h.tb.Helper()
	c.cseq++
	return c.phone.asks(c.text(method, lines...), c.phone.User, Password)
}

func (c *call) text(method string, lines ...string) string {
	head := []string{"From: " + c.local}
	for _, r := range c.routes {
		head = append(head, "Route: "+r)
	}
	return c.phone.text(method, c.target, c.remote, c.id, c.cseq, append(head, lines...)...)
}

// An Outgoing call is one that the phone makes.
type Outgoing struct {
	call

	invite *sip.Request
	ack    atomic.Pointer[sip.Request] // of the 2xx
}

// Calls calls a number of the domain. A challenge is answered.
func (p *Phone) Calls(number string) *Outgoing {
	p.h.tb.Helper()
	return p.CallsAs(p.User, number)
}

// CallsAs is Calls with another user in From.
func (p *Phone) CallsAs(user, number string) *Outgoing {
	p.h.tb.Helper()
	return p.invites(user, fmt.Sprintf("sip:%s@%s", number, Domain))
}

// CallsURI calls any URI.
func (p *Phone) CallsURI(uri string) *Outgoing {
	p.h.tb.Helper()
	return p.invites(p.User, uri)
}

func (p *Phone) invites(user, uri string) *Outgoing {
	p.h.tb.Helper()
	c := p.newOutgoing(user, uri)
	req, err := p.parse(p.text("INVITE", c.target, c.remote, c.id, c.cseq, "From: "+c.local, "Contact: "+p.Contact()))
	if err != nil {
		p.h.fatal("%s: %v", p.User, err)
	}
	c.start(req)
	return c
}

func (p *Phone) newOutgoing(user, uri string) *Outgoing {
	c := &Outgoing{call: call{
		phone: p, id: rand.Text(), cseq: 1, target: uri, remote: "<" + uri + ">",
		local: fmt.Sprintf("<sip:%s@%s>;tag=%s", user, Domain, rand.Text()),
	}}
	p.keep(&c.call)
	return c
}

// keep lets requests inside the dialog find their call.
func (p *Phone) keep(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.id] = c
}

// start sends the INVITE and follows its transaction. Without a running
// transaction it is over at once, which the news say.
func (c *Outgoing) start(req *sip.Request) {
	ctx, cancel := c.phone.h.context()
	defer cancel()
	c.invite = req
	tx, err := c.phone.client.TransactionRequest(ctx, req, asIs)
	if err != nil {
		c.tell("error " + err.Error())
		return
	}
	tx.OnRetransmission(c.answeredAgain)
	go c.follow(tx)
}

func (c *Outgoing) follow(tx sip.ClientTransaction) {
	for {
		select {
		case res := <-tx.Responses():
			if over := c.answered(res); over {
				return
			}
		case <-tx.Done():
			c.tell(fmt.Sprintf("error %v", tx.Err()))
			return
		}
	}
}

// answered notes a response and reports whether it was the last one.
func (c *Outgoing) answered(res *sip.Response) (over bool) {
	switch {
	case challenge(res) && c.invite.GetHeader("Proxy-Authorization") == nil:
		c.provesItself(res)
		return true
	case res.IsSuccess():
		c.establish(res)
		ack, err := c.phone.parse(c.text("ACK"))
		if err != nil {
			c.tell("error " + err.Error())
			return true
		}
		c.ack.Store(ack)
		c.acknowledge(ack)
	}
	c.tell(fmt.Sprintf("%d %s", res.StatusCode, res.Reason))
	return res.StatusCode >= 200
}

// provesItself sends the INVITE again with credentials.
func (c *Outgoing) provesItself(res *sip.Response) {
	known := wire.Credentials{User: c.phone.User, Password: Password}
	answer, err := known.Answer(value(res.GetHeader("Proxy-Authenticate")), "INVITE", c.target)
	if err != nil {
		c.tell("error " + err.Error())
		return
	}
	c.cseq++
	req, err := c.phone.parse(c.phone.text("INVITE", c.target, c.remote, c.id, c.cseq, "From: "+c.local, "Contact: "+c.phone.Contact(), "Proxy-Authorization: "+answer))
	if err != nil {
		c.tell("error " + err.Error())
		return
	}
	c.start(req)
}

// establish notes what the 200 says about the dialog.
func (c *Outgoing) establish(res *sip.Response) {
	c.remote = value(res.GetHeader("To"))
	if contact := res.Contact(); contact != nil {
		c.target = contact.Address.String()
	}
	c.routes = nil
	for _, h := range res.GetHeaders("Record-Route") {
		c.routes = append([]string{h.Value()}, c.routes...)
	}
}

func value(h sip.Header) string {
	if h == nil {
		return ""
	}
	return h.Value()
}

// acknowledge sends the ACK of a 2xx (RFC 3261 section 13.2.2.4).
func (c *Outgoing) acknowledge(ack *sip.Request) {
	if ack == nil {
		return // the call failed
	}
	if err := c.phone.client.WriteRequest(ack.Clone(), asIs); err != nil {
		c.tell("error " + err.Error())
	}
}

// answeredAgain takes a further 2xx: a repetition, or that of another phone that
// answered in the same moment, whose call is ended at once (RFC 3261 section
// 13.2.2.4).
func (c *Outgoing) answeredAgain(res *sip.Response) {
	c.await(final) // sipgo hands over each response in a goroutine of its own
	first := c.ack.Load()
	if first == nil || value(first.To()) == value(res.To()) {
		c.acknowledge(first)
		return
	}
	other := Outgoing{call: call{phone: c.phone, id: c.id, local: c.local, cseq: int(res.CSeq().SeqNo)}}
	other.establish(res)
	ack, err := c.phone.parse(other.text("ACK"))
	if err != nil {
		c.tell("error " + err.Error())
		return
	}
	other.acknowledge(ack)
	c.tell("second 200")
	c.phone.h.later.Go(func() {
		if got := other.within("BYE"); got != 200 {
			c.tell(fmt.Sprintf("error: BYE to the second phone got %d", got))
		}
	})
}

// HearsRinging waits for a 180.
func (c *Outgoing) HearsRinging() { c.phone.h.tb.Helper(); c.sees("180") }

// IsAnswered waits until the other side answers.
func (c *Outgoing) IsAnswered() { c.phone.h.tb.Helper(); c.EndsWith(200) }

// EndsWith waits for the final answer to the INVITE, which must be this one.
func (c *Outgoing) EndsWith(status int) {
	c.phone.h.tb.Helper()
	if got := c.Outcome(); got != status {
		c.phone.h.fatal("%s's call: got %d, want %d; all of it: %s", c.phone.User, got, status, &c.news)
	}
}

// Outcome waits for the final answer to the INVITE and returns its status, 0
// when none came.
func (c *Outgoing) Outcome() int {
	what, _ := c.await(func(s string) bool { return final(s) || strings.HasPrefix(s, "error") })
	var status int
	_, _ = fmt.Sscanf(what, "%d", &status) // 0 stays for an error
	return status
}

// Cancels takes the call back and returns the status of the answer to CANCEL.
func (c *Outgoing) Cancels() int {
	c.phone.h.tb.Helper()
	text := c.phone.text("CANCEL", c.invite.Recipient.String(), value(c.invite.To()), c.id, c.cseq, "From: "+c.local)
	lines := strings.Split(text, "\r\n")
	lines[1] = "Via: " + value(c.invite.Via())
	return c.phone.asks(strings.Join(lines, "\r\n"), c.phone.User, Password)
}
