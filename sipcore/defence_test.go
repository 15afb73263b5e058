package sipcore_test

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"carillon/sipcore"
	"carillon/store"
	"carillon/test/house/wire"
)

// open is a node without any network in its configuration: everybody may be a
// phone.
func open(tb testing.TB) *station { tb.Helper(); return townOf(tb, store.Site{}) }

// guesses registers with a wrong password, and an answer to the challenge given,
// or to a new one. It returns the status of the last answer, 0 for none.
func (p *phone) guesses(challenge string) int {
	p.t.Helper()
	m := p.request("REGISTER", "sip:"+domain, "<sip:"+p.user+"@"+domain+">", "guess")
	if challenge == "" {
		if challenge = p.challenge(); challenge == "" {
			return 0
		}
	}
	answer, err := wire.Credentials{User: p.user, Password: "guess"}.Answer(challenge, "REGISTER", m.URI())
	if err != nil {
		p.t.Fatal(err)
	}
	m.Add("Authorization", answer)
	p.send(m)
	got, err := p.conn.Receive(400 * time.Millisecond)
	if err != nil {
		return 0
	}
	return got.Status()
}

// challenge asks for one; "" is no answer.
func (p *phone) challenge() string {
	p.t.Helper()
	if p.conn.Send(p.request("REGISTER", "sip:"+domain, "<sip:"+p.user+"@"+domain+">", "guess")) != nil {
		return ""
	}
	got, err := p.conn.Receive(400 * time.Millisecond)
	if err != nil {
		return ""
	}
	return got.Get("WWW-Authenticate")
}

// TestWhoGuessesPasswordsIsBanned: ten wrong passwords of ten users, and the
// address hears no more, whatever it asks and over whatever, while others do.
func TestWhoGuessesPasswordsIsBanned(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		t.Run(over, func(t *testing.T) {
			s := open(t)
			mallory, alice := s.from("127.9.9.9", over, "x"), s.from("127.9.9.8", over, "alice")
			guesses := 0
			for ; guesses < 30; guesses++ {
				mallory.user = "user" + strconv.Itoa(guesses)
				if mallory.guesses("") == 0 {
					break
				}
			}
			if guesses != 10 {
				t.Fatalf("he could guess %d times, want 10", guesses)
			}
			all := s.bans.All()
			if len(all) != 1 || all[0].Address.String() != "127.9.9.9/32" || all[0].Until.Sub(all[0].Since) != 2*time.Minute || all[0].Why != "wrong passwords" {
				t.Fatalf("got bans %+v, want one of 127.9.9.9 for two minutes", all)
			}
			if s.from("127.9.9.9", "udp", "alice").challenge() != "" {
				t.Error("he is heard over UDP")
			}
			conn, err := wire.DialFrom(netip.MustParseAddr("127.9.9.9"), "tcp", netip.AddrPortFrom(s.addr, 5060))
			if err == nil && (conn.Send(mallory.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", "r")) == nil && !conn.WaitClosed(patience)) {
				t.Error("he is heard over TCP")
			}
			if err == nil {
				_ = conn.Close()
			}
			if alice.challenge() == "" {
				t.Error("somebody else is not heard")
			}
			if got := s.Refusals(); got.Bans != 1 || got.Banned < 2 {
				t.Errorf("got %+v, want one ban and what it kept out", got)
			}
			s.bans.Lift(netip.MustParseAddr("127.9.9.9"))
			if s.from("127.9.9.9", over, "alice").challenge() == "" {
				t.Error("he is not heard although the ban was lifted")
			}
		})
	}
}

// Symptom: who forges a source address has its owner banned. A forger never sees
// the nonce that was sent there.
func TestNobodyCanHaveAnotherBanned(t *testing.T) {
	s := open(t)
	mallory, victim := s.from("127.9.9.9", "udp", "alice"), s.from("127.9.9.8", "udp", "alice")
	own := mallory.challenge()
	for range 40 {
		if got := victim.guesses(own); got != 401 { // what a forger would send in the victim's name
			t.Fatalf("got %d, want 401", got)
		}
	}
	if all := s.bans.All(); len(all) != 0 {
		t.Errorf("got bans %+v, want none", all)
	}
	victim.device = "v"
	victim.registers()
	victim.tag = "2"
	if got := mallory.guesses(""); got != 401 {
		t.Errorf("mallory's own address: got %d, want 401", got)
	}
}

// TestUserOfASiteHasToWait: within a network of the configuration a wrong
// password delays its user there, and nobody else behind the address.
func TestUserOfASiteHasToWait(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		t.Run(over, func(t *testing.T) {
			s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
			broken := s.from("127.9.9.9", over, "alice")
			got := 0
			for i := range 30 {
				if got = broken.guesses(""); got != 401 {
					if i != 4 {
						t.Errorf("the wait begins behind %d wrong passwords, want 4", i)
					}
					break
				}
			}
			if got != 500 {
				t.Fatalf("got %d, want 500", got)
			}
			for range 50 {
				broken.user = "bob"
				broken.guesses("") // whatever he does there
			}
			if all := s.bans.All(); len(all) != 0 {
				t.Errorf("got bans %+v, want none", all)
			}
			good := s.from("127.9.9.9", over, "carol")
			good.device = "c"
			good.registers()
			elsewhere := s.from("127.9.9.8", over, "alice")
			elsewhere.device = "a"
			elsewhere.registers()
			if s.Refusals().Waits == 0 {
				t.Error("no wait is counted")
			}
		})
	}
}

// TestWaitIsSaidAndEnds: the phone hears for how long, and after that its right
// password is good.
func TestWaitIsSaidAndEnds(t *testing.T) {
	s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	p := s.from("127.9.9.9", "tcp", "alice")
	for range 4 {
		p.guesses("")
	}
	p.device = "a"
	m := p.request("INVITE", "sip:bob@"+domain, "<sip:bob@"+domain+">", "call")
	p.send(m)
	challenge := p.gets("407")
	p.send(ackOf(m, challenge))
	p.proves(m, "Proxy-Authorization", challenge.Get("Proxy-Authenticate"))
	refusal := p.gets("500")
	wait, err := strconv.Atoi(refusal.Get("Retry-After"))
	if err != nil || wait != 1 {
		t.Fatalf("got Retry-After %q, want 1", refusal.Get("Retry-After"))
	}
	eventually(t, "the right password is good", func() bool {
		m := p.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", "r")
		m.Add("Contact", "<"+p.contact()+">")
		p.send(m)
		p.proves(m, "Authorization", p.gets("401").Get("WWW-Authenticate"))
		got, err := p.conn.Receive(patience)
		return err == nil && got.Status() == 200
	})
}

// TestStrangersOfNoNetwork: who asks over a connection although no network has
// him is answered ten times; over UDP, where nobody can be blamed, so much and
// no more.
func TestStrangersOfNoNetwork(t *testing.T) {
	s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	asks := func(p *phone) (answers int, err error) {
		for range 200 {
			if err = p.conn.Send(p.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", "r")); err != nil {
				return answers, err
			}
			got, err := p.conn.Receive(400 * time.Millisecond)
			if err != nil {
				return answers, err
			}
			if answers++; got.Status() != 403 {
				t.Fatalf("got %q, want 403", got.Start)
			}
		}
		return answers, nil
	}
	answers, err := asks(s.from("127.9.9.9", "tcp", "alice"))
	if answers != 10 || errors.Is(err, wire.ErrSilence) {
		t.Errorf("over TCP: got %d answers, %v; want 10 and the connection's end", answers, err)
	}
	if answers, _ = asks(s.from("127.9.9.8", "udp", "alice")); answers < 50 || answers > 100 {
		t.Errorf("over UDP: got %d answers, want 50 and a few more", answers)
	}
	if all := s.bans.All(); len(all) != 1 {
		t.Errorf("got bans %+v, want that of 127.9.9.9 alone", all)
	}
	if got := s.Refusals(); got.TooFast == 0 {
		t.Errorf("got %+v, want what came too fast to be counted", got)
	}
	inside := s.from("127.0.0.1", "udp", "alice")
	inside.device = "a"
	inside.registers()
}

// TestBanEndsWhereANetworkBegins: an address of a network of the configuration
// is let in, whatever was held against it before.
func TestBanEndsWhereANetworkBegins(t *testing.T) {
	s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	s.bans.Put(netip.MustParseAddr("127.9.9.9"), time.Hour, 1, "wrong passwords", time.Now())
	for _, over := range []string{"udp", "tcp"} {
		p := s.from("127.9.9.9", over, "alice")
		p.device = over
		p.registers()
	}
	if got := s.Refusals(); got != (sipcore.Refusals{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}
