package lab

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// SIPp starts phones over TCP on the phones' host of a site, at the node given.
func (s *System) SIPp(program, site, node string, phones []SIPpPhone) *SIPp {
	s.tb.Helper()
	p := &SIPp{tb: s.tb, dir: s.tb.TempDir(), output: new(output), done: make(chan struct{})}
	scenarios, err := filepath.Abs(filepath.Join("testdata", "sipp"))
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "phones.csv"), []byte(table(phones)), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	host := site + "-phones"
	own := s.hosts[host].String()
	p.cmd = s.command(host, program, s.nodes[node].Addr.String()+":5060", "-t", "tn", "-i", own, "-ci", own,
		"-sf", filepath.Join(scenarios, "phone.xml"), "-oocsf", filepath.Join(scenarios, "answer.xml"),
		"-inf", "phones.csv", "-m", strconv.Itoa(len(phones)), "-l", "1000", "-r", "50",
		"-key", "domain", Domain, "-max_socket", "500", "-deadcall_wait", "0", "-skip_rlimit",
		"-default_behaviors", "all,-abortunexp,-bye",
		"-recv_timeout", "20000", "-timeout", "180", "-nostdin",
		"-trace_logs", "-log_file", "calls.log", "-trace_err", "-error_file", "errors.log")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.output, p.output
	if err := p.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	s.tb.Cleanup(p.Stop)
	return p
}

// A Deskphone is one TCP connection of a user that the test drives by hand.
type Deskphone struct {
	tb   testing.TB
	user string
	conn *wire.Conn

	cseq      int
	challenge string // the last one
	used      int    // how often
}

// Deskphone connects and registers a phone on the phones' host of a site.
func (s *System) Deskphone(site, node, user string) *Deskphone {
	s.tb.Helper()
	p := &Deskphone{tb: s.tb, user: user}
	err := s.From(site+"-phones", func() (err error) {
		p.conn, err = wire.Dial("tcp", netip.AddrPortFrom(s.nodes[node].Addr, 5060))
		return err
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = p.conn.Close() })
	p.Registers()
	return p
}

// Registers registers the phone, or refreshes what is registered.
func (p *Deskphone) Registers() {
	p.tb.Helper()
	r := p.registers()
	if r.Status() == 401 {
		p.challenge, p.used = r.Get("WWW-Authenticate"), 0
		r = p.registers()
	}
	if r.Status() != 200 {
		p.tb.Fatalf("%s registers: got %q, want 200", p.user, r.Start)
	}
}

// registers sends one REGISTER, with an answer to the challenge that came last.
func (p *Deskphone) registers() wire.Message {
	p.tb.Helper()
	p.cseq++
	m := p.request("REGISTER", "sip:"+Domain, "registration-of-"+p.user, p.cseq)
	m.Set("To", p.address(p.user))
	m.Add("Expires", "600")
	if p.challenge != "" {
		p.used++
		answer, err := wire.Credentials{User: p.user, Password: Password, Count: p.used}.Answer(p.challenge, m.Method(), m.URI())
		if err != nil {
			p.tb.Fatal(err)
		}
		m.Add("Authorization", answer)
	}
	r, _, err := p.ask(m)
	if err != nil {
		p.tb.Fatal(err)
	}
	return r
}

func (p *Deskphone) address(user string) string { return "<sip:" + user + "@" + Domain + ">" }

func (p *Deskphone) request(method, uri, callID string, cseq int) wire.Message {
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/TCP %s;branch=z9hG4bK%s;rport", p.conn.Local(), rand.Text()))
	m.Add("Max-Forwards", "70")
	m.Add("From", p.address(p.user)+";tag="+callID)
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", callID)
	m.Add("CSeq", fmt.Sprintf("%d %s", cseq, method))
	m.Add("Contact", fmt.Sprintf("<sip:%s@%s;transport=tcp>", p.user, p.conn.Local()))
	return m
}

// ask sends a request and returns its final response, and after how long it came.
func (p *Deskphone) ask(m wire.Message) (wire.Message, time.Duration, error) {
	const patience = 30 * time.Second
	began := time.Now()
	if err := p.conn.Send(m); err != nil {
		return wire.Message{}, 0, fmt.Errorf("%s: %w", p.user, err)
	}
	for {
		r, err := p.conn.Receive(patience - time.Since(began))
		if err != nil {
			return wire.Message{}, time.Since(began), fmt.Errorf("%s, waiting for the answer to %q: %w", p.user, m.Start, err)
		}
		if r.Status() >= 200 && r.Get("CSeq") == m.Get("CSeq") && r.Get("Call-ID") == m.Get("Call-ID") {
			return r, time.Since(began), nil
		}
	}
}

// Calls calls a user, hangs up if it is answered, and returns the final status
// and after how long it came.
func (p *Deskphone) Calls(user string) (status int, after time.Duration, err error) {
	invite := p.request("INVITE", "sip:"+user+"@"+Domain, "call"+rand.Text(), 1)
	answer, after, err := p.ask(invite)
	if err != nil {
		return 0, after, err
	}
	if err = p.conn.Send(inDialog(p.request("ACK", invite.URI(), invite.Get("Call-ID"), 1), invite, answer)); err != nil {
		return 0, after, fmt.Errorf("acknowledging: %w", err)
	}
	if answer.Status() != 200 {
		return answer.Status(), after, nil
	}
	time.Sleep(100 * time.Millisecond) // SIPp answers no BYE that overtakes the ACK
	r, _, err := p.ask(inDialog(p.request("BYE", invite.URI(), invite.Get("Call-ID"), 2), invite, answer))
	if err == nil && r.Status() != 200 {
		err = fmt.Errorf("%s hangs up on %s: %s", p.user, user, r.Start)
	}
	return answer.Status(), after, err
}

// inDialog makes the ACK or BYE that follows the answer to an INVITE of a request.
func inDialog(m, invite, answer wire.Message) wire.Message {
	m.Set("To", answer.Get("To"))
	if answer.Status() != 200 {
		m.Set("Via", invite.Get("Via")) // the same transaction
		return m
	}
	m.Start = m.Method() + " " + wire.AddrURI(answer.Get("Contact")) + " SIP/2.0"
	routes := answer.All("Record-Route")
	slices.Reverse(routes)
	m.Add("Route", strings.Join(routes, ", "))
	return m
}

// A group is phones that call, by the SIPp they belong to.
type group map[*SIPp][]SIPpPhone

// goOn waits until each of the phones has made so many more calls.
func (g group) goOn(tb testing.TB, more int) {
	tb.Helper()
	var waiting []func() bool
	for p, phones := range g {
		for _, phone := range phones {
			beginning := "caller " + phone.User + " "
			want := p.Log(beginning) + more
			waiting = append(waiting, func() bool { return p.Log(beginning) >= want })
		}
	}
	within := time.Duration(more+1) * 4 * time.Second
	eventually(tb, fmt.Sprintf("each phone that calls makes %d more calls", more), within, func() bool {
		waiting = slices.DeleteFunc(waiting, func(done func() bool) bool { return done() })
		return len(waiting) == 0
	})
}
