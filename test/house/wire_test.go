package house_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// request returns a request outside a dialog.
func request(c *wire.Conn, method, uri, from string, cseq int) wire.Message {
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", strings.ToUpper(c.Transport), c.Local(), rand.Text()))
	m.Add("Max-Forwards", "70")
	m.Add("From", fmt.Sprintf("<sip:%s@%s>;tag=%s", from, house.Domain, rand.Text()))
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", rand.Text())
	m.Add("CSeq", fmt.Sprintf("%d %s", cseq, method))
	m.Add("Contact", contact(c, from))
	return m
}

func contact(c *wire.Conn, user string) string {
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", user, c.Local(), c.Transport)
}

// register returns a REGISTER with credentials, if there are any.
func register(c *wire.Conn, user string, cseq int, credentials string) wire.Message {
	m := request(c, "REGISTER", "sip:"+house.Domain, user, cseq)
	m.Set("To", fmt.Sprintf("<sip:%s@%s>", user, house.Domain))
	m.Set("Call-ID", "registrations-of-"+user)
	if credentials != "" {
		m.Add("Authorization", credentials)
	}
	return m
}

func receive(t *testing.T, c *wire.Conn) wire.Message {
	t.Helper()
	m, err := c.Receive(house.Patience)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ask sends a request and returns its final response.
func ask(t *testing.T, c *wire.Conn, m wire.Message) wire.Message {
	t.Helper()
	if err := c.Send(m); err != nil {
		t.Fatal(err)
	}
	for {
		if r := receive(t, c); r.Status() >= 200 && r.Get("CSeq") == m.Get("CSeq") && r.Get("Call-ID") == m.Get("Call-ID") {
			return r
		}
	}
}

// acknowledge sends the ACK of a refusal.
func acknowledge(t *testing.T, c *wire.Conn, invite, refusal wire.Message) {
	t.Helper()
	ack := invite.Clone()
	ack.Start = strings.Replace(ack.Start, "INVITE", "ACK", 1)
	ack.Set("CSeq", strings.Replace(ack.Get("CSeq"), "INVITE", "ACK", 1))
	ack.Set("To", refusal.Get("To"))
	ack.Drop("Proxy-Authorization")
	if err := c.Send(ack); err != nil {
		t.Fatal(err)
	}
}

// registered connects, registers, and returns the connection.
func registered(t *testing.T, transport, user string, n *house.Node) *wire.Conn {
	t.Helper()
	c := dial(t, transport, n.SIP())
	challenge := ask(t, c, register(c, user, 1, ""))
	if got := ask(t, c, register(c, user, 2, answerTo(t, challenge, user, house.Password))); got.Status() != 200 {
		t.Fatalf("registering %s: got %q, want 200", user, got.Start)
	}
	return c
}
