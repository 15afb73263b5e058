// Package extension is a desk phone that looks after itself: it asks DNS where
// its servers are (RFC 3263), registers over TCP at the first that answers,
// refreshes at half of what it was granted and asks DNS again then, goes on to the
// next server when one refuses, closes or stays silent, and comes back when the
// first is there again. It takes every call at once, and calls when it is told to.
// So a test of failover has the behaviour of phones in it, and not that of SIPp,
// which knows one server.
package extension

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"carillon/test/house/wire"
)

// Options say who a phone is and where. All fields are required.
type Options struct {
	Domain    string
	User      string
	Password  string
	Addr      netip.Addr                 // of the phone
	Resolvers []netip.AddrPort           // name servers, in the order in which they are asked
	Network   func(f func() error) error // calls f with the network of the phone
	Port      uint16                     // where it listens, as its Contact says
	Instance  bool                       // it says which phone it is, too (RFC 5626)
}

// How long a phone waits.
const (
	Patience  = 4 * time.Second  // for an answer, or a connection, before it tries the next server
	resolving = 2 * time.Second  // for a name server
	shunned   = 30 * time.Second // is a server that failed, while there are others
	again     = 2 * time.Second  // when no server is left
	breath    = time.Second      // at most, when a server has closed the connection: phones do not come all at once
)

// A Phone is one phone. Make one with New.
type Phone struct {
	o  Options
	id string // Call-ID of its registrations

	mu      sync.Mutex // guards all below
	line    *line      // on which it is registered, or nil
	cseq    int
	waiting map[string]chan wire.Message // by branch
	calls   map[string]*Call             // that it takes part in, by Call-ID
	failed  map[netip.AddrPort]time.Time // servers
	changed chan struct{}                // closed and made anew when line has changed
	lost    time.Time                    // when the transaction began, or the line ended, that showed it that its server is gone
	longest time.Duration                // from then until it was registered again
}

// New returns a phone that does nothing yet.
func New(o Options) *Phone {
	return &Phone{
		o: o, id: rand.Text(), waiting: map[string]chan wire.Message{}, calls: map[string]*Call{},
		failed: map[netip.AddrPort]time.Time{}, changed: make(chan struct{}),
	}
}

// User is the number of the phone.
func (p *Phone) User() string { return p.o.User }

// Run is the life of the phone, until ctx ends. It returns an error at once when it
// cannot listen.
func (p *Phone) Run(ctx context.Context) error {
	defer p.settle(nil)
	if err := p.listen(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		granted, l := p.registers(ctx)
		if l == nil {
			rest(ctx, again)
			continue
		}
		select {
		case <-time.After(granted / 2):
		case <-l.gone:
			p.misses(l, time.Now())
			p.settle(nil)
			rest(ctx, time.Duration(mathrand.Int64N(int64(breath)))) //nolint:gosec // any time
		case <-ctx.Done():
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// registers registers at the first server that takes it, which may be the one
// where it is. It returns no line when there is none.
func (p *Phone) registers(ctx context.Context) (granted time.Duration, on *line) {
	for _, server := range p.servers(ctx) {
		l := p.current()
		if l == nil || l.server != server {
			var err error
			if l, err = p.dial(ctx, server); err != nil {
				p.shun(server)
				continue
			}
		}
		granted, err := p.register(ctx, l)
		if err == nil {
			p.settle(l)
			return granted, l
		}
		p.shun(server)
		l.close()
	}
	return 0, nil
}

// settle makes l the line of the phone, and closes the one before a little later,
// so that what is under way on it can end.
func (p *Phone) settle(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.line
	if l != nil {
		delete(p.failed, l.server)
		if !p.lost.IsZero() {
			p.longest, p.lost = max(p.longest, time.Since(p.lost)), time.Time{}
		}
	}
	if before == l {
		return
	}
	p.line = l
	close(p.changed)
	p.changed = make(chan struct{})
	if before != nil {
		time.AfterFunc(again, before.close)
	}
}

func (p *Phone) current() *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil && p.line.isGone() {
		return nil
	}
	return p.line
}

func (p *Phone) shun(server netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed[server] = time.Now()
}

// misses notes since when the phone has no server, unless it knows: its line has
// failed.
func (p *Phone) misses(l *line, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost.IsZero() && p.line == l {
		p.lost = since
	}
}

// Longest returns how long the phone was without a server at most, from the
// transaction that failed, or the end of its connection, until it was registered
// again; the time that it still is without one counts.
func (p *Phone) Longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost.IsZero() {
		return p.longest
	}
	return max(p.longest, time.Since(p.lost))
}

// Forgets begins Longest anew.
func (p *Phone) Forgets() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = 0
}

// await returns the line on which the phone is registered, waiting for one that is
// not the given one.
func (p *Phone) await(ctx context.Context, not *line) (*line, error) {
	for {
		p.mu.Lock()
		l, changed := p.line, p.changed
		p.mu.Unlock()
		if l != nil && l != not && !l.isGone() {
			return l, nil
		}
		select {
		case <-changed:
		case <-time.After(again): // a line that has gone is noticed late
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is not registered: %w", p.o.User, ctx.Err())
		}
	}
}

// register sends REGISTER on l, with its password when that is wanted, and returns
// what was granted.
func (p *Phone) register(ctx context.Context, l *line) (time.Duration, error) {
	m := p.request(l, "REGISTER", "sip:"+p.o.Domain, p.id, p.next())
	m.Set("To", p.address())
	m.Add("Expires", "3600")
	r, err := p.proves(ctx, l, m)
	if err != nil {
		return 0, err
	}
	if r.Status() != 200 {
		return 0, fmt.Errorf("%s registers: %s", p.o.User, r.Start)
	}
	return p.granted(r), nil
}

// proves sends a request, and again with the password when that is asked for.
func (p *Phone) proves(ctx context.Context, l *line, m wire.Message) (wire.Message, error) {
	r, err := p.ask(ctx, l, m)
	for range 2 {
		challenge, answer := "WWW-Authenticate", "Authorization"
		if r.Status() == 407 {
			challenge, answer = "Proxy-Authenticate", "Proxy-Authorization"
		}
		if err != nil || r.Status() != 401 && r.Status() != 407 {
			break
		}
		proof, bad := wire.Credentials{User: p.o.User, Password: p.o.Password}.Answer(r.Get(challenge), m.Method(), m.URI())
		if bad != nil {
			return r, fmt.Errorf("%s is asked for its password: %w", p.o.User, bad)
		}
		seq, _, _ := strings.Cut(m.Get("CSeq"), " ")
		next, _ := strconv.Atoi(seq) // our own
		m.Set("CSeq", fmt.Sprintf("%d %s", next+1, m.Method()))
		m.Set(answer, proof)
		r, err = p.ask(ctx, l, m)
	}
	return r, err
}

// granted finds the phone's own Contact in the answer.
func (p *Phone) granted(r wire.Message) time.Duration {
	own := "<sip:" + p.o.User + "@" + p.o.Addr.String()
	for _, all := range r.All("Contact") {
		for _, c := range wire.Split(all) {
			if seconds, err := time.ParseDuration(wire.Param(c, "expires") + "s"); err == nil && strings.HasPrefix(c, own) {
				return seconds
			}
		}
	}
	return time.Minute
}

func (p *Phone) address() string { return "<sip:" + p.o.User + "@" + p.o.Domain + ">" }

func (p *Phone) contact() string {
	c := fmt.Sprintf("<sip:%s@%s:%d;transport=tcp>", p.o.User, p.o.Addr, p.o.Port)
	if p.o.Instance {
		c += fmt.Sprintf(`;+sip.instance="<urn:uuid:00000000-0000-1000-8000-%08x%04d>"`, p.o.Addr.AsSlice(), p.o.Port)
	}
	return c
}

func (p *Phone) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cseq += 3 // a request may need two more
	return p.cseq
}

// request begins a request of the phone.
func (p *Phone) request(l *line, method, uri, callID string, cseq int) wire.Message {
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/TCP %s;branch=z9hG4bK%s;rport", l.local, rand.Text()))
	m.Add("Max-Forwards", "70")
	m.Add("From", p.address()+";tag="+callID[:8])
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", callID)
	m.Add("CSeq", fmt.Sprintf("%d %s", cseq, method))
	m.Add("Contact", p.contact())
	return m
}
