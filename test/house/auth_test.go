package house_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

func TestRegisterWithAWrongPassword(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	for _, transport := range transports {
		p := h.Stranger(transport, "alice")
		if got := p.RegistersAs("alice", "guess"); got != 401 {
			t.Errorf("%s: got %d, want 401", transport, got)
		}
		if got := n.Registrations("alice"); len(got) != 0 {
			t.Errorf("%s: registered: %+v", transport, got)
		}
	}
}

// What is the same from outside tells nobody which numbers exist.
func TestUnknownUserLooksLikeAWrongPassword(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	changing := regexp.MustCompile(`(?i)(branch|tag|nonce|opaque|rport|received)="?[^";,\s]+"?|Call-ID: \S+|Date: [^\r]+`)
	look := func(user string) string {
		c := dial(t, "tcp", n.SIP())
		first := ask(t, c, register(c, user, 1, ""))
		second := ask(t, c, register(c, user, 2, answerTo(t, first, user, "guess")))
		text := strings.ReplaceAll(first.String()+second.String(), user, "USER")
		text = strings.ReplaceAll(text, c.Local().String(), "HERE")
		return changing.ReplaceAllString(text, "$1")
	}
	if known, unknown := look("alice"), look("zelda"); known != unknown {
		t.Errorf("a known user with a wrong password sees\n%s\nan unknown user sees\n%s", known, unknown)
	}
}

func TestNobodyRegistersForAnother(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	if got := h.Stranger("tcp", "alice").RegistersAs("bob", house.Password); got != 403 {
		t.Errorf("bob's password for alice's number: got %d, want 403", got)
	}
	if got := n.Registrations("alice"); len(got) != 0 {
		t.Errorf("registered: %+v", got)
	}
}

func TestCallerWhoIsNotRegisteredProvesHimself(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			n := h.Node("hardy")
			bob := h.Phone("bob")
			c := dial(t, transport, n.SIP())
			invite := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", 1)
			challenge := ask(t, c, invite)
			if challenge.Status() != 407 {
				t.Fatalf("without credentials: got %q, want 407", challenge.Start)
			}
			acknowledge(t, c, invite, challenge)
			bob.IsQuiet()

			wrong := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", 2)
			wrong.Add("Proxy-Authorization", answerTo(t, challenge, "alice", "guess", "INVITE", wrong.URI()))
			again := ask(t, c, wrong)
			if again.Status() != 407 {
				t.Fatalf("with a wrong password: got %q, want 407", again.Start)
			}
			acknowledge(t, c, wrong, again)
			bob.IsQuiet()

			stranger := h.Stranger(transport, "alice") // sipgo answers the challenge itself
			out := stranger.Calls("bob")
			in := bob.Rings()
			in.Answers()
			out.IsAnswered()
			out.HangsUp()
			in.IsHungUp()
		})
	}
}

func TestRegisteredConnectionSpeaksForItsUserOnly(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, bob := h.Phone("alice"), h.Phone("bob")
	alice.CallsAs("carol", "bob").EndsWith(403)
	bob.IsQuiet()
}

func TestTrustedNetworkIsNotAsked(t *testing.T) {
	h := house.New(t)
	n := h.NodeWith("hardy", "calls: trusted")
	bob := h.Phone("bob")
	c := dial(t, "udp", n.SIP())
	invite := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", 1)
	if err := c.Send(invite); err != nil {
		t.Fatal(err)
	}
	in := bob.Rings()
	in.Refuses(486)
	for {
		m := receive(t, c)
		if m.Status() == 407 {
			t.Fatal("got 407, want no challenge: calls are trusted")
		}
		if m.Status() >= 200 {
			acknowledge(t, c, invite, m)
			return
		}
	}
}

// answerTo answers a challenge; more is the method and URI if not REGISTER.
func answerTo(t *testing.T, challenge wire.Message, user, password string, more ...string) string {
	t.Helper()
	method, uri := "REGISTER", "sip:"+house.Domain
	if len(more) == 2 {
		method, uri = more[0], more[1]
	}
	text := challenge.Get("WWW-Authenticate") + challenge.Get("Proxy-Authenticate")
	answer, err := wire.Credentials{User: user, Password: password}.Answer(text, method, uri)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func dial(t *testing.T, transport string, node netip.AddrPort) *wire.Conn {
	t.Helper()
	c, err := wire.Dial(transport, node)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
