package house

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// An Incoming call is one that the phone was asked to take.
type Incoming struct {
	call

	Request *sip.Request // the INVITE

	tx      sip.ServerTransaction
	tag     string
	once    sync.Once
	decided chan struct{} // closed when answered, refused or cancelled
}

// handle tells sipgo's server what the phone does with requests. sipgo ends a
// server transaction when its handler returns, so that of INVITE stays until
// the call is decided and, if refused, acknowledged.
func (p *Phone) handle(server *sipgo.Server) {
	server.OnInvite(p.invited)
	server.OnAck(func(req *sip.Request, _ sip.ServerTransaction) { p.hears(req, "ACK") })
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		status := 481
		if p.hears(req, "BYE") {
			status = 200
		}
		_ = tx.Respond(response(req, status, ""))
	})
	server.OnCancel(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(response(req, 481, "")) // its INVITE is answered and forgotten
	})
	server.OnOptions(func(req *sip.Request, tx sip.ServerTransaction) { _ = tx.Respond(response(req, 200, "")) })
}

// hears tells the call of a request that it came.
func (p *Phone) hears(req *sip.Request, what string) bool {
	p.mu.Lock()
	c := p.calls[req.CallID().Value()]
	p.mu.Unlock()
	if c == nil {
		return false
	}
	c.tell(what)
	return true
}

func response(req *sip.Request, status int, tag string) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason(status), nil)
	if to := res.To(); to != nil && tag != "" && status > 100 {
		to.Params.Add("tag", tag)
	}
	return res
}

func reason(status int) string {
	switch status {
	case 180:
		return "Ringing"
	case 200:
		return "OK"
	case 486:
		return "Busy Here"
	case 603:
		return "Decline"
	}
	return "Because"
}

// invited runs for as long as the transaction of an INVITE matters.
func (p *Phone) invited(req *sip.Request, tx sip.ServerTransaction) {
	c := &Incoming{Request: req, tx: tx, tag: rand.Text(), decided: make(chan struct{})}
	c.call = call{
		phone: p, id: req.CallID().Value(), remote: value(req.From()), cseq: 100,
		local: value(req.To()) + ";tag=" + c.tag,
	}
	if contact := req.Contact(); contact != nil {
		c.target = contact.Address.String()
	}
	for _, h := range req.GetHeaders("Record-Route") {
		c.routes = append(c.routes, h.Value())
	}
	p.keep(&c.call)
	tx.OnCancel(func(cancel *sip.Request) {
		c.tell("CANCEL " + value(cancel.GetHeader("Reason")))
		c.decide()
	})
	c.respond(180)
	p.rings <- c
	select {
	case <-c.decided:
	case <-tx.Done(): // also when it was decided and acknowledged meanwhile
	}
	if _, undecided := c.find(begins("refused", "CANCEL")); undecided != nil {
		return // lost; or answered: the ACK of a 2xx is a transaction of its own
	}
	select {
	case <-tx.Acks():
		c.tell("ACK")
	case <-tx.Done(): // over TCP sipgo may end the transaction before it hands over the ACK
		c.tell("ACK")
	case <-time.After(Patience):
	}
}

func (c *Incoming) decide() { c.once.Do(func() { close(c.decided) }) }

func (c *Incoming) respond(status int) {
	res := response(c.Request, status, c.tag)
	if status < 300 {
		res.AppendHeader(sip.NewHeader("Contact", c.phone.Contact()))
	}
	if err := c.tx.Respond(res); err != nil {
		c.tell("error " + err.Error())
	}
}

// Rings waits for a call to the phone. The phone says 180 by itself.
func (p *Phone) Rings() *Incoming {
	p.h.tb.Helper()
	select {
	case c := <-p.rings:
		return c
	case <-time.After(Patience):
		p.h.fatal("%s's phone does not ring", p.User)
		return nil
	}
}

// NextRing returns a call that came already, nil if there is none.
func (p *Phone) NextRing() *Incoming {
	select {
	case c := <-p.rings:
		return c
	default:
		return nil
	}
}

// IsQuiet checks that the phone has not rung, now.
func (p *Phone) IsQuiet() {
	p.h.tb.Helper()
	if c := p.NextRing(); c != nil {
		p.h.fatal("%s's phone rings: %s", p.User, c.Request.StartLine())
	}
}

// Answers takes the call.
func (c *Incoming) Answers() {
	c.tell("answered")
	c.respond(200)
	c.decide()
}

// Refuses ends the call with a status.
func (c *Incoming) Refuses(status int) {
	c.tell(fmt.Sprintf("refused %d", status))
	c.respond(status)
	c.decide()
}

// IsAcknowledged waits for the ACK, of a 200 or of a refusal.
func (c *Incoming) IsAcknowledged() { c.phone.h.tb.Helper(); c.sees("ACK") }

// IsCancelled waits until the caller gives up and returns the Reason of CANCEL.
func (c *Incoming) IsCancelled() string {
	c.phone.h.tb.Helper()
	return c.sees("CANCEL ")[len("CANCEL "):]
}

// Outcome waits until the call is acknowledged or cancelled and says which.
func (c *Incoming) Outcome() string {
	what, _ := c.await(begins("ACK", "CANCEL"))
	if what == "ACK" {
		return "answered"
	}
	if what == "" {
		return "nothing: " + c.String()
	}
	return "cancelled"
}
