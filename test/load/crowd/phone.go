package crowd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carillon/test/house/wire"
)

// A phone is one user's device.
type phone struct {
	crowd     *Crowd
	user      string
	transport string
	addr      netip.Addr
	instance  string
	id        string // Call-ID of its registrations
	ready     atomic.Bool
	legs      atomic.Int64 // calls that it takes part in

	mu      sync.Mutex // guards all below
	line    *line
	cseq    int
	refresh *time.Timer
	clients map[string]*client // by branch and method
	repeats map[string]string  // what is sent again when the other side repeats itself
	calls   map[string]*leg    // by Call-ID
}

func newPhone(c *Crowd, i int, user, transport string) *phone {
	return &phone{
		crowd: c, user: user, transport: transport, id: rand.Text(),
		addr:     netip.AddrFrom4([4]byte{127, 66, byte(i / 250), byte(1 + i%250)}), //nolint:gosec // there are not that many
		instance: fmt.Sprintf("<urn:uuid:00000000-0000-4000-8000-%012x>", i),
		clients:  make(map[string]*client), repeats: make(map[string]string), calls: make(map[string]*leg),
	}
}

// connect opens the phone's line and reads it.
func (p *phone) connect(ctx context.Context) error {
	l, err := p.crowd.dial(ctx, p.transport, p.addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.line = l
	p.mu.Unlock()
	p.crowd.doing.Go(func() { l.read(p.heard) })
	return nil
}

// hangUp ends the line, and what the phone would still do.
func (p *phone) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refresh != nil {
		p.refresh.Stop()
	}
	if p.line != nil {
		_ = p.line.conn.Close()
	}
}

// quiet is how long a phone that wants to move has to be without calls.
const quiet = 20 * time.Second

// move waits until the phone has no call, closes its line, opens another and
// registers there.
func (p *phone) move(ctx context.Context) {
	for end := time.Now().Add(quiet); p.legs.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.ready.Store(true)
			return
		}
	}
	p.hangUp()
	done := make(chan error, 1)
	err := p.connect(ctx)
	if err == nil {
		p.register(func(err error) { done <- err })
		err = <-done
	}
	if err != nil {
		p.crowd.fail(fmt.Sprintf("%s comes back: %v", p.transport, err))
		return
	}
	p.crowd.Reconnected.Add(1)
	p.ready.Store(true)
}

// register registers the phone, and again before that expires.
func (p *phone) register(done func(error)) {
	m := p.begin("REGISTER", "sip:"+p.crowd.o.Domain, p.id)
	m.Add("To", p.aor())
	m.Add("From", p.aor()+";tag="+rand.Text())
	m.Add("Contact", p.contact()+`;+sip.instance="`+p.instance+`"`)
	m.Add("Expires", "60")
	p.askProven(m, func(answer wire.Message) {
		p.again() // also when it failed, as phones do
		if answer.Status() != 200 {
			done(errors.New("REGISTER: " + short(answer)))
			return
		}
		p.crowd.Registered.Add(1)
		done(nil)
	})
}

// again has the phone register again in time.
func (p *phone) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refresh != nil {
		p.refresh.Stop()
	}
	l := p.line
	p.refresh = time.AfterFunc(refreshAfter, func() {
		p.register(func(err error) {
			if err != nil && p.isOn(l) {
				p.crowd.fail(fmt.Sprintf("%s refreshes: %v", p.transport, err))
			}
		})
	})
}

// isOn reports whether the phone still has a line.
func (p *phone) isOn(l *line) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line == l
}

func (p *phone) aor() string { return "<sip:" + p.user + "@" + p.crowd.o.Domain + ">" }

func (p *phone) contact() string {
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", p.user, p.here(), p.transport)
}

func (p *phone) here() netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line.local
}

// begin starts a request that is not in a dialog.
func (p *phone) begin(method, uri, callID string) wire.Message {
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Max-Forwards", "70")
	m.Add("Call-ID", callID)
	m.Add("CSeq", strconv.Itoa(p.nextCSeq())+" "+method)
	return m
}

func (p *phone) nextCSeq() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cseq++
	return p.cseq
}

// askProven asks, and once more with a password when one is wanted.
func (p *phone) askProven(m wire.Message, heard func(wire.Message)) {
	p.ask(m, func(answer wire.Message) {
		field, proof := "WWW-Authenticate", "Authorization"
		switch answer.Status() {
		case 401:
		case 407:
			field, proof = "Proxy-Authenticate", "Proxy-Authorization"
		default:
			heard(answer)
			return
		}
		value, err := wire.Credentials{User: p.user, Password: p.crowd.o.Password}.Answer(answer.Get(field), m.Method(), m.URI())
		if err != nil {
			heard(answer)
			return
		}
		again := m.Clone()
		again.Set("CSeq", strconv.Itoa(p.nextCSeq())+" "+m.Method())
		again.Set(proof, value)
		p.ask(again, heard)
	})
}

// heard takes what comes on the line.
func (p *phone) heard(m wire.Message) {
	if m.Request() {
		p.asked(m)
		return
	}
	p.answered(m)
}

// short is what of an answer goes into a report.
func short(m wire.Message) string { return strings.TrimPrefix(m.Start, "SIP/2.0 ") }
