package lab

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// A Deskphone is a phone that the test drives by hand, message by message: one
// connection or UDP socket of a user. It does nothing by itself, so it never
// refreshes what it registered: as an RFC 5626 phone it gets the ten minutes that
// it asks for. One goroutine at a time may use it.
type Deskphone struct {
	tb        testing.TB
	user      string
	host      Host
	transport string
	conn      *wire.Conn
	unread    []wire.Message // came while another one was waited for

	port      int  // that it says that it has; 0: the one that it has
	asks      bool // it registers nothing: it asks who is registered
	cseq      int
	challenge string // the last one
	used      int    // how often
}

// patience is how long a phone waits for what must come.
const patience = 30 * time.Second

// Deskphone connects and registers a phone over TCP on the phones' host of a
// site.
func (s *System) Deskphone(site, node, user string) *Deskphone {
	s.tb.Helper()
	return s.DeskphoneOver("tcp", site, node, user)
}

// DeskphoneOver is Deskphone over "tcp" or "udp".
func (s *System) DeskphoneOver(transport, site, node, user string) *Deskphone {
	s.tb.Helper()
	p := &Deskphone{tb: s.tb, user: user, host: s.hosts[site+"-phones"], transport: transport}
	s.tb.Cleanup(p.close)
	p.connects(s.nodes[node])
	return p
}

func (p *Deskphone) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// connects connects and registers at a node, as the same device as ever.
func (p *Deskphone) connects(n *Node) {
	p.tb.Helper()
	p.close()
	conn, err := p.host.dial(p.transport, netip.AddrPortFrom(n.Addr, house.SIPPort))
	if err != nil {
		p.tb.Fatal(err)
	}
	p.conn, p.challenge = conn, ""
	p.Registers()
}

// Registers registers the phone, or refreshes what is registered.
func (p *Deskphone) Registers() {
	p.tb.Helper()
	p.contacts()
}

// contacts registers the phone, or asks, and returns which phones of its user the
// node says that there are.
func (p *Deskphone) contacts() []string {
	p.tb.Helper()
	r := p.registers()
	if r.Status() == 401 {
		p.challenge, p.used = r.Get("WWW-Authenticate"), 0
		r = p.registers()
	}
	if r.Status() != 200 {
		p.tb.Fatalf("%s registers: got %q, want 200", p.user, r.Start)
	}
	return r.All("Contact")
}

// restarts registers the phone with another port, as one does that was restarted.
func (p *Deskphone) restarts() {
	p.tb.Helper()
	p.port = 32768 + mathrand.IntN(16384) //nolint:gosec // any port
	p.Registers()
}

// registers sends one REGISTER, with an answer to the challenge that came last.
func (p *Deskphone) registers() wire.Message {
	p.tb.Helper()
	p.cseq++
	m := p.request("REGISTER", "sip:"+Domain, "registration-of-"+p.user, p.cseq)
	m.Set("To", p.address(p.user))
	m.Set("Contact", p.contact()+`;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-`+p.user+`>"`)
	if p.asks {
		m.Drop("Contact")
	}
	m.Add("Supported", "path, outbound")
	m.Add("Expires", "600")
	if p.challenge != "" {
		p.used++
		answer, err := wire.Credentials{User: p.user, Password: Password, Count: p.used}.Answer(p.challenge, m.Method(), m.URI())
		if err != nil {
			p.tb.Fatal(err)
		}
		m.Add("Authorization", answer)
	}
	r, err := p.ask(m)
	if err != nil {
		p.tb.Fatal(err)
	}
	return r
}

func (p *Deskphone) address(user string) string { return "<sip:" + user + "@" + Domain + ">" }

func (p *Deskphone) contact() string {
	if p.port > 0 {
		host, _, _ := strings.Cut(p.sentBy(), ":")
		return fmt.Sprintf("<sip:%s@%s:%d;transport=%s>", p.user, host, p.port, p.transport)
	}
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", p.user, p.sentBy(), p.transport)
}

// sentBy is what the phone takes for its address; a browser knows none (RFC 7118
// section 5).
func (p *Deskphone) sentBy() string {
	if strings.HasPrefix(p.transport, "ws") {
		return p.user + ".invalid"
	}
	return p.conn.Local().String()
}

func (p *Deskphone) request(method, uri, callID string, cseq int) wire.Message {
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", strings.ToUpper(p.transport), p.sentBy(), rand.Text()))
	m.Add("Max-Forwards", "70")
	m.Add("From", p.address(p.user)+";tag="+callID)
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", callID)
	m.Add("CSeq", fmt.Sprintf("%d %s", cseq, method))
	m.Add("Contact", p.contact())
	return m
}

func (p *Deskphone) send(m wire.Message) error {
	if err := p.conn.Send(m); err != nil {
		return fmt.Errorf("%s: %w", p.user, err)
	}
	return nil
}

// ask sends a request and returns its final response.
func (p *Deskphone) ask(m wire.Message) (wire.Message, error) {
	if err := p.send(m); err != nil {
		return wire.Message{}, err
	}
	return p.answer(m)
}

// answer waits for the final response to a request.
func (p *Deskphone) answer(to wire.Message) (wire.Message, error) {
	return p.await("the answer to "+to.Start, func(m wire.Message) bool {
		return m.Status() >= 200 && m.Get("CSeq") == to.Get("CSeq") && m.Get("Call-ID") == to.Get("Call-ID")
	})
}

// await returns the first message that is wanted, of those that came and those
// that come. The others stay unread.
func (p *Deskphone) await(what string, wanted func(m wire.Message) bool) (wire.Message, error) {
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		if i == len(p.unread) {
			m, err := p.conn.Receive(time.Until(deadline))
			if err != nil {
				return wire.Message{}, fmt.Errorf("%s, waiting for %s: %w", p.user, what, err)
			}
			p.unread = append(p.unread, m)
		}
		if m := p.unread[i]; wanted(m) {
			p.unread = slices.Delete(p.unread, i, i+1)
			return m, nil
		}
	}
}

// Calls calls a user, hangs up if it is answered, and returns the final status
// and after how long it came.
func (p *Deskphone) Calls(user string) (status int, after time.Duration, err error) {
	began := time.Now()
	c, err := p.invites(user)
	if err != nil {
		return 0, 0, err
	}
	answer, err := c.answered()
	after = time.Since(began)
	if err != nil || answer.Status() != 200 {
		return answer.Status(), after, err
	}
	time.Sleep(100 * time.Millisecond) // SIPp answers no BYE that overtakes the ACK
	bye, err := c.hangsUp()
	if err == nil {
		err = c.farewell(bye)
	}
	return answer.Status(), after, err
}

// reaches calls somebody who answers.
func (p *Deskphone) reaches(user string) {
	p.tb.Helper()
	if status, after, err := p.Calls(user); status != 200 || err != nil {
		p.tb.Errorf("%s calls %s: got %d, %v after %v, want 200", p.user, user, status, err, after)
	}
}
