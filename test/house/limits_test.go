package house_test

import (
	"fmt"
	"testing"

	"carillon/test/house"
)

func TestOptions(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	for _, transport := range transports {
		p := h.Stranger(transport, "alice")
		for _, uri := range []string{"sip:" + house.Domain, "sip:" + n.Addr.String(), "sip:" + n.SIP().String()} {
			if got := p.Asks("OPTIONS", uri); got != 200 {
				t.Errorf("%s: OPTIONS %s: got %d, want 200", transport, uri, got)
			}
		}
	}
}

func TestMaxForwards(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	bob := h.Phone("bob")
	for _, test := range []struct {
		method, hops string
		want         int
	}{
		{"INVITE", "0", 483},
		{"MESSAGE", "0", 483},
		{"OPTIONS", "0", 200}, // RFC 3261 section 11: so a caller finds who is on the way
	} {
		for _, transport := range transports {
			c := registered(t, transport, "alice", n)
			m := request(c, test.method, "sip:bob@"+house.Domain, "alice", 10)
			if test.method == "OPTIONS" {
				m = request(c, test.method, "sip:"+house.Domain, "alice", 10)
			}
			m.Set("Max-Forwards", test.hops)
			got := ask(t, c, m)
			if got.Status() != test.want {
				t.Errorf("%s with Max-Forwards %s over %s: got %q, want %d", test.method, test.hops, transport, got.Start, test.want)
			}
			if test.method == "INVITE" && got.Status() >= 300 {
				acknowledge(t, c, m, got)
			}
		}
	}
	bob.IsQuiet()
}

// TestLoop: two users whose contacts are each other's number. The call must end
// by itself, whether such a contact is refused or found to go round in circles.
func TestLoop(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice := h.Phone("alice")
	for from, to := range map[string]string{"bob": "carol", "carol": "bob"} {
		c := registered(t, "tcp", from, n)
		m := register(c, from, 3, "")
		m.Set("Contact", fmt.Sprintf("<sip:%s@%s>", to, house.Domain))
		challenge := ask(t, c, m)
		m = register(c, from, 4, answerTo(t, challenge, from, house.Password))
		m.Set("Contact", fmt.Sprintf("<sip:%s@%s>", to, house.Domain))
		t.Logf("contact %s for %s: %s", to, from, ask(t, c, m).Start)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	out := alice.Calls("bob")
	got := out.Outcome()
	if got < 400 || got >= 500 {
		t.Errorf("a call that goes round in circles: got %d, want a refusal", got)
	}
}
