package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"carillon/test/house/wire"
)

// phones are telephones behind one socket: they register whom they are told to,
// call, and take every call at once.
type phones struct {
	conn   *wire.Conn
	server netip.AddrPort

	mu    sync.Mutex
	waits map[string]chan wire.Message // by Call-ID: who waits for final responses
	cseq  int
	ended chan struct{}
}

// errSilent is what an operation returns that was not answered in time.
var errSilent = errors.New("no answer in 20 s")

// newPhones connects. When ctx ends, so does the connection.
func newPhones(ctx context.Context, transport string, server netip.AddrPort) (*phones, error) {
	conn, err := wire.Dial(transport, server) //nolint:contextcheck // on loopback it does not wait
	if err != nil {
		return nil, err
	}
	return phonesOn(ctx, conn, server), nil
}

// phonesOn are phones behind a connection, which they close at the end.
func phonesOn(ctx context.Context, conn *wire.Conn, server netip.AddrPort) *phones {
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	p := &phones{conn: conn, server: server, waits: make(map[string]chan wire.Message), ended: make(chan struct{})}
	go p.serve()
	return p
}

func (p *phones) close() {
	_ = p.conn.Close()
	<-p.ended
}

func (p *phones) serve() {
	defer close(p.ended)
	for {
		m, err := p.conn.Receive(time.Hour)
		switch {
		case errors.Is(err, wire.ErrSilence):
		case err != nil:
			return
		case m.Request():
			p.answer(m)
		case m.Status() >= 200:
			p.mu.Lock()
			wait := p.waits[m.Get("Call-ID")]
			p.mu.Unlock()
			select {
			case wait <- m:
			default: // nobody waits, or for nothing more
			}
		}
	}
}

func (p *phones) answer(m wire.Message) {
	if m.Method() == "ACK" {
		return
	}
	reply := m.Reply(200, "OK", "load")
	if m.Method() == "INVITE" {
		reply.Add("Contact", p.contact("callee"))
	}
	_ = p.conn.Send(reply) // a lost answer shows as a failed call
}

func (p *phones) contact(user string) string {
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", user, p.conn.Local(), p.conn.Transport)
}

func (p *phones) request(method, uri, from, to, callID string) wire.Message {
	p.mu.Lock()
	p.cseq++
	cseq := p.cseq
	p.mu.Unlock()
	via := "SIP/2.0/UDP "
	if p.conn.Transport == "tcp" {
		via = "SIP/2.0/TCP "
	}
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", via+p.conn.Local().String()+";branch=z9hG4bK"+rand.Text()+";rport")
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:"+from+"@rig.test>;tag=load")
	m.Add("To", to)
	m.Add("Call-ID", callID)
	m.Add("CSeq", strconv.Itoa(cseq)+" "+method)
	return m
}

// ask sends a request and waits for its final response.
func (p *phones) ask(ctx context.Context, m wire.Message) (wire.Message, error) {
	wait, id := make(chan wire.Message, 1), m.Get("Call-ID")
	p.mu.Lock()
	p.waits[id] = wait
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waits, id)
		p.mu.Unlock()
	}()
	if err := p.conn.Send(m); err != nil {
		return wire.Message{}, err
	}
	select {
	case answer := <-wait:
		return answer, nil
	case <-p.ended:
		return wire.Message{}, errors.New("the connection has ended")
	case <-ctx.Done():
		return wire.Message{}, ctx.Err()
	case <-time.After(20 * time.Second):
		return wire.Message{}, errSilent
	}
}

// register registers a user at a contact, or takes that back with expires 0, and
// returns how long the slower of the two answers took.
func (p *phones) register(ctx context.Context, user, contact string, expires int) (time.Duration, error) {
	id := fmt.Sprintf("%s-%x", user, contact)
	ready := func(credentials string) wire.Message {
		m := p.request("REGISTER", "sip:rig.test", user, "<sip:"+user+"@rig.test>", id)
		m.Add("Contact", contact)
		m.Add("Expires", strconv.Itoa(expires))
		m.Add("Supported", "outbound")
		if credentials != "" {
			m.Add("Authorization", credentials)
		}
		return m
	}
	began := time.Now()
	challenge, err := p.ask(ctx, ready(""))
	if err != nil {
		return 0, err
	}
	slower := time.Since(began)
	credentials, err := wire.Credentials{User: user, Password: "pw"}.Answer(challenge.Get("WWW-Authenticate"), "REGISTER", "sip:rig.test")
	if err != nil {
		return 0, err
	}
	began = time.Now()
	got, err := p.ask(ctx, ready(credentials))
	if err == nil && got.Status() != 200 {
		err = fmt.Errorf("registering %s: %s", user, got.Start)
	}
	return max(slower, time.Since(began)), err
}

// call calls a user, hangs up, and returns how long the set-up took.
func (p *phones) call(ctx context.Context, user string) (time.Duration, error) {
	uri, id := "sip:"+user+"@rig.test", rand.Text()
	invite := p.request("INVITE", uri, "alice", "<"+uri+">", id)
	invite.Add("Contact", p.contact("alice"))
	began := time.Now()
	answer, err := p.ask(ctx, invite)
	took := time.Since(began)
	if err == nil && answer.Status() != 200 {
		err = fmt.Errorf("calling %s: %s", user, answer.Start)
	}
	if err != nil {
		return took, err
	}
	for _, method := range []string{"ACK", "BYE"} {
		m := p.request(method, wire.AddrURI(answer.Get("Contact")), "alice", answer.Get("To"), id)
		for _, route := range slices.Backward(answer.All("Record-Route")) {
			m.Add("Route", route)
		}
		if method == "ACK" {
			m.Set("CSeq", strconv.Itoa(invite.CSeq())+" ACK")
			err = p.conn.Send(m)
		} else {
			answer, err = p.ask(ctx, m)
		}
		if err == nil && answer.Status() != 200 {
			err = fmt.Errorf("hanging up: %s", answer.Start)
		}
		if err != nil {
			return took, err
		}
	}
	return took, nil
}
