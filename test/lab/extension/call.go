package extension

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"carillon/test/house/wire"
)

// A Call is one side of a call that a phone takes part in (RFC 3261 section 12).
type Call struct {
	phone         *Phone
	id            string
	local, remote string // From and To of our requests
	target        string
	routes        []string
	cseq          int
}

// ErrRefused is how the error of a call begins that was answered otherwise than
// with 200.
var ErrRefused = errors.New("refused")

// Calls calls a user and returns when he has answered. When its server fails the
// phone calls again from the next, until ctx ends; a refusal is the end.
func (p *Phone) Calls(ctx context.Context, user string) (*Call, error) {
	var failed *line
	for {
		l, err := p.await(ctx, failed)
		if err != nil {
			return nil, err
		}
		c, err := p.callsOn(ctx, l, user)
		if err == nil || errors.Is(err, ErrRefused) || ctx.Err() != nil {
			return c, err
		}
		failed = l
	}
}

func (p *Phone) callsOn(ctx context.Context, l *line, user string) (*Call, error) {
	c := &Call{phone: p, id: rand.Text(), cseq: 1}
	invite := p.request(l, "INVITE", "sip:"+user+"@"+p.o.Domain, c.id, c.cseq)
	answer, err := p.ask(ctx, l, invite)
	if err != nil {
		return nil, err
	}
	c.local, c.remote, c.target = invite.Get("From"), answer.Get("To"), invite.URI()
	if answer.Status() != 200 {
		ack := c.request(l, "ACK")
		ack.Set("Via", answer.Get("Via"))
		ack.Drop("Route")
		_ = l.send(ack)
		return nil, fmt.Errorf("%s calls %s: %w: %s", p.o.User, user, ErrRefused, strings.TrimPrefix(answer.Start, "SIP/2.0 "))
	}
	c.target, c.routes = wire.AddrURI(answer.Get("Contact")), answer.All("Record-Route")
	slices.Reverse(c.routes)
	p.keep(c)
	return c, l.send(c.request(l, "ACK"))
}

func (p *Phone) keep(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[c.id] = c
}

// request begins a request inside the call.
func (c *Call) request(l *line, method string) wire.Message {
	m := c.phone.request(l, method, c.target, c.id, c.cseq)
	m.Set("From", c.local)
	m.Set("To", c.remote)
	if len(c.routes) > 0 {
		m.Add("Route", strings.Join(c.routes, ", "))
	}
	return m
}

// HangsUp ends the call by BYE to where its Route leads, or, if nobody is there,
// to where the phone is registered, and waits until other, which is the phone of the
// other side, has heard it.
func (c *Call) HangsUp(ctx context.Context, other *Phone) error {
	p := c.phone
	c.cseq++
	l, err := c.way(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	delete(p.calls, c.id)
	p.mu.Unlock()
	answer, err := p.proves(ctx, l, c.request(l, "BYE"))
	if err == nil && answer.Status() != 200 {
		err = fmt.Errorf("%s hangs up on %s: %s", p.o.User, other.o.User, answer.Start)
	}
	if err != nil {
		return err
	}
	if other.takesPart(c.id) {
		return fmt.Errorf("%s has not heard that %s has hung up", other.o.User, p.o.User)
	}
	return nil
}

// way returns the line for a request inside the call.
func (c *Call) way(ctx context.Context) (*line, error) {
	p := c.phone
	current, err := p.await(ctx, nil)
	if err != nil || len(c.routes) == 0 {
		return current, err
	}
	uri, _, _ := strings.Cut(strings.TrimPrefix(wire.AddrURI(c.routes[0]), "sip:"), ";")
	if _, after, ok := strings.Cut(uri, "@"); ok {
		uri = after
	}
	if _, _, bad := net.SplitHostPort(uri); bad != nil {
		uri += ":5060"
	}
	to, err := netip.ParseAddrPort(uri)
	if err != nil || to == current.server {
		return current, nil //nolint:nilerr // a name: the phone's server knows it
	}
	l, err := p.dial(ctx, to)
	if err != nil {
		return current, nil //nolint:nilerr // nobody is there
	}
	time.AfterFunc(2*Patience, l.close)
	return l, nil
}

// Busy returns in how many calls the phone is.
func (p *Phone) Busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

func (p *Phone) takesPart(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id] != nil
}

// asked takes a request: every call is answered at once.
func (p *Phone) asked(l *line, m wire.Message) {
	switch m.Method() {
	case "ACK":
	case "INVITE":
		p.invited(l, m)
	case "BYE":
		p.mu.Lock()
		_, ok := p.calls[m.Get("Call-ID")]
		delete(p.calls, m.Get("Call-ID"))
		p.mu.Unlock()
		if ok {
			_ = l.send(m.Reply(200, "OK", ""))
		} else {
			_ = l.send(m.Reply(481, "Call Does Not Exist", ""))
		}
	case "CANCEL", "OPTIONS":
		_ = l.send(m.Reply(200, "OK", rand.Text()))
	default:
		_ = l.send(m.Reply(405, "Method Not Allowed", rand.Text()))
	}
}

func (p *Phone) invited(l *line, m wire.Message) {
	tag := rand.Text()
	c := &Call{
		phone: p, id: m.Get("Call-ID"), cseq: 100, target: wire.AddrURI(m.Get("Contact")), routes: m.All("Record-Route"),
		local: m.Get("To") + ";tag=" + tag, remote: m.Get("From"),
	}
	p.keep(c)
	for _, status := range []int{180, 200} {
		r := m.Reply(status, map[int]string{180: "Ringing", 200: "OK"}[status], tag)
		r.Add("Contact", p.contact())
		_ = l.send(r)
	}
}
