package house_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
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

// reflect is a proxy that sends every INVITE back to where it came from, for
// the number it came for, until its connection closes. It returns how many.
func reflect(c *wire.Conn) int {
	const own = ";branch=z9hG4bKmirror"
	rounds := 0
	for {
		m, err := c.Receive(house.Patience)
		if err != nil {
			return rounds
		}
		switch {
		case m.Method() == "INVITE" && m.Request():
			rounds++
			m.Start = "INVITE sip:bob@" + house.Domain + " SIP/2.0"
			via := fmt.Sprintf("SIP/2.0/%s %s%s%d;rport", strings.ToUpper(c.Transport), c.Local(), own, rounds)
			m.Headers = append([]wire.Header{{Name: "Via", Value: via}}, m.Headers...)
			hops, _ := strconv.Atoi(m.Get("Max-Forwards"))
			m.Set("Max-Forwards", strconv.Itoa(hops-1))
		case !m.Request() && m.Status() > 100 && strings.Contains(m.Headers[0].Value, own):
			if m.Status() >= 300 {
				_ = c.Send(acknowledgement(m))
			}
			m.Headers = m.Headers[1:]
		default:
			continue
		}
		m.Drop("Content-Length")
		if c.Send(m) != nil {
			return rounds
		}
	}
}

// acknowledgement is the ACK of a hop for a refusal.
func acknowledgement(refusal wire.Message) wire.Message {
	ack := wire.Message{Start: "ACK sip:bob@" + house.Domain + " SIP/2.0"}
	ack.Add("Via", refusal.Headers[0].Value)
	ack.Add("Max-Forwards", "70")
	for _, name := range []string{"From", "To", "Call-ID"} {
		ack.Add(name, refusal.Get(name))
	}
	ack.Add("CSeq", fmt.Sprintf("%d ACK", refusal.CSeq()))
	return ack
}
