package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"carillon/test/house/wire"
)

// A Side is one Deskphone's side of a call (RFC 3261 section 12).
type Side struct {
	phone         *Deskphone
	invite        wire.Message
	local, remote string // From and To of our requests
	target        string
	routes        []string
	cseq          int
}

// invites calls a user and does not wait.
func (p *Deskphone) invites(user string) (*Side, error) {
	id := "call" + rand.Text()
	s := &Side{phone: p, cseq: 1, invite: p.request("INVITE", "sip:"+user+"@"+Domain, id, 1)}
	s.local, s.remote, s.target = s.invite.Get("From"), s.invite.Get("To"), s.invite.URI()
	return s, p.send(s.invite)
}

// answered waits for the final answer to the INVITE and acknowledges it.
func (s *Side) answered() (wire.Message, error) {
	answer, err := s.phone.answer(s.invite)
	if err != nil {
		return answer, err
	}
	s.remote = answer.Get("To")
	if answer.Status() != 200 {
		ack := s.request("ACK")
		ack.Set("Via", s.invite.Get("Via")) // the same transaction
		return answer, s.phone.send(ack)
	}
	s.target, s.routes = wire.AddrURI(answer.Get("Contact")), answer.All("Record-Route")
	slices.Reverse(s.routes)
	return answer, s.phone.send(s.request("ACK"))
}

// rings waits for a call and rings.
func (p *Deskphone) rings() (*Side, error) {
	invite, err := p.await("a call", func(m wire.Message) bool { return m.Method() == "INVITE" && m.Request() })
	if err != nil {
		return nil, err
	}
	s := &Side{
		phone: p, invite: invite, cseq: 100, target: wire.AddrURI(invite.Get("Contact")), routes: invite.All("Record-Route"),
		local: invite.Get("To") + ";tag=" + rand.Text(), remote: invite.Get("From"),
	}
	return s, p.send(s.response(180, "Ringing"))
}

// answers takes the call.
func (s *Side) answers() error { return s.phone.send(s.response(200, "OK")) }

func (s *Side) response(status int, reason string) wire.Message {
	r := s.invite.Reply(status, reason, wire.Param(s.local, "tag"))
	r.Add("Contact", s.phone.contact())
	return r
}

// sees waits for a request of the other side.
func (s *Side) sees(method string) (wire.Message, error) {
	return s.phone.await(method+" of "+s.remote, func(m wire.Message) bool {
		return m.Request() && m.Method() == method && m.Get("Call-ID") == s.invite.Get("Call-ID") &&
			wire.Param(m.Get("From"), "tag") == wire.Param(s.remote, "tag")
	})
}

// hangsUp sends BYE and does not wait.
func (s *Side) hangsUp() (bye wire.Message, err error) {
	s.cseq++
	bye = s.request("BYE")
	return bye, s.phone.send(bye)
}

// farewell waits until the other side agrees to a BYE.
func (s *Side) farewell(bye wire.Message) error {
	r, err := s.phone.answer(bye)
	if err == nil && r.Status() != 200 {
		err = fmt.Errorf("%s hangs up on %s: %s", s.phone.user, s.remote, r.Start)
	}
	return err
}

func (s *Side) request(method string) wire.Message {
	m := s.phone.request(method, s.target, s.invite.Get("Call-ID"), s.cseq)
	m.Set("From", s.local)
	m.Set("To", s.remote)
	if len(s.routes) > 0 {
		m.Add("Route", strings.Join(s.routes, ", "))
	}
	return m
}

// A Talk is a call that is up between two Deskphones.
type Talk struct{ caller, callee *Side }

// talksTo calls another phone, which answers.
func (p *Deskphone) talksTo(other *Deskphone) *Talk {
	p.tb.Helper()
	caller, err := p.invites(other.user)
	if err != nil {
		p.tb.Fatal(err)
	}
	callee, err := other.rings()
	if err == nil {
		err = callee.answers()
	}
	if err != nil {
		p.tb.Fatal(err)
	}
	answer, err := caller.answered()
	if err != nil || answer.Status() != 200 {
		p.tb.Fatalf("%s calls %s: got %q, %v, want 200", p.user, other.user, answer.Start, err)
	}
	if _, err = callee.sees("ACK"); err != nil {
		p.tb.Fatal(err)
	}
	return &Talk{caller, callee}
}

// ends has one side hang up: the other one sees the BYE and agrees, which the
// first hears.
func (t *Talk) ends(byCaller bool) error {
	first, second := t.caller, t.callee
	if !byCaller {
		first, second = t.callee, t.caller
	}
	sent, err := first.hangsUp()
	if err != nil {
		return err
	}
	bye, err := second.sees("BYE")
	if err != nil {
		return errors.Join(err, fmt.Errorf("when %s hangs up", first.phone.user))
	}
	if err = second.phone.send(bye.Reply(200, "OK", "")); err != nil {
		return err
	}
	return first.farewell(sent)
}
