package house_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// TestFiveThousandRequestsOnOneConnection sends requests without waiting for
// answers: OPTIONS, which anybody may ask, and REGISTER, which is challenged or
// granted. Each is answered, in the order of sending.
func TestFiveThousandRequestsOnOneConnection(t *testing.T) {
	const count = 5000
	h := house.New(t)
	n := h.Node("hardy")
	c := dial(t, "tcp", n.SIP())
	challenge := ask(t, c, register(c, "alice", 1, ""))
	sent := make(chan error, 1)
	go func() { sent <- pipeline(c, challenge, count) }()
	for i := range count {
		m := receive(t, c)
		if got, want := m.CSeq(), 10+i; got != want {
			t.Fatalf("answer %d: got CSeq %d, want %d", i, got, want)
		}
		if want := [...]int{200, 401, 200}[i%3]; m.Status() != want {
			t.Fatalf("answer to %q: got %q, want %d", m.Get("CSeq"), m.Start, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// pipeline sends requests in segments of many: OPTIONS, REGISTER without
// credentials, REGISTER with them, and again.
func pipeline(c *wire.Conn, challenge wire.Message, count int) error {
	var b strings.Builder
	for i := range count {
		var m wire.Message
		switch i % 3 {
		case 0:
			m = request(c, "OPTIONS", "sip:"+house.Domain, "alice", 10+i)
		case 1:
			m = register(c, "alice", 10+i, "")
		case 2:
			known := wire.Credentials{User: "alice", Password: house.Password, Count: 1 + i/3}
			answer, err := known.Answer(challenge.Get("WWW-Authenticate"), "REGISTER", "sip:"+house.Domain)
			if err != nil {
				return err
			}
			m = register(c, "alice", 10+i, answer)
		}
		b.WriteString(m.String())
		if b.Len() > 30000 || i == count-1 {
			if err := c.Write(b.String()); err != nil {
				return err
			}
			b.Reset()
		}
	}
	return nil
}

// TestSlowPhonesDelayNobody: one phone asks much and reads nothing, and 100
// connections stop in the middle of a message. Others call each other meanwhile
// as if they were not there.
func TestSlowPhonesDelayNobody(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob, carol := h.Phone("alice"), h.Phone("bob"), h.PhoneOver("udp", "carol")
	before := callsFor(t, alice, bob, carol)

	deaf := deafPhone(t, n)
	for i := range 100 {
		halfMessage(t, n, i)
	}
	asked := make(chan int, 1)
	stop := make(chan struct{})
	go func() { asked <- deaf.asksAndAsks(stop) }()
	during := callsFor(t, alice, bob, carol)
	close(stop)
	bytes := <-asked
	t.Logf("a round of calls took %v before and %v during; the deaf phone sent %d bytes", before, during, bytes)
	if limit := 10*before + 3*time.Second; during > limit {
		t.Errorf("a round of calls took %v beside slow phones, want less than %v", during, limit)
	}
	if got := dial(t, "tcp", n.SIP()); ask(t, got, request(got, "OPTIONS", "sip:"+house.Domain, "dave", 1)).Status() != 200 {
		t.Error("OPTIONS of a newcomer is not answered with 200")
	}
}

// callsFor makes calls in both transports and returns how long they took.
func callsFor(t *testing.T, alice, bob, carol *house.Phone) time.Duration {
	t.Helper()
	began := time.Now()
	for range 20 {
		for _, callee := range []*house.Phone{bob, carol} {
			out := alice.Calls(callee.User)
			in := callee.Rings()
			in.Answers()
			out.IsAnswered()
			in.IsAcknowledged()
			out.HangsUp()
		}
	}
	return time.Since(began)
}

// deaf is a registered TCP phone that stopped reading.
type deaf struct {
	conn *net.TCPConn
	at   string
}

func deafPhone(t *testing.T, n *house.Node) deaf {
	t.Helper()
	conn, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(n.SIP()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadBuffer(4096)
	return deaf{conn, conn.LocalAddr().String()}
}

// asksAndAsks sends OPTIONS until it is told to stop, the connection is closed
// or nothing more can be sent, and returns how many bytes it sent.
func (d deaf) asksAndAsks(stop <-chan struct{}) int {
	sent := 0
	for i := 0; ; i++ {
		select {
		case <-stop:
			return sent
		default:
		}
		text := fmt.Sprintf("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bKdeaf%d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:dave@%s>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: deaf%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			house.Domain, d.at, i, house.Domain, house.Domain, i)
		_ = d.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := d.conn.Write([]byte(text))
		sent += n
		if err != nil {
			<-stop
			return sent
		}
	}
}

// halfMessage opens a connection that stops in the middle of a header, of a
// body, or before the first byte.
func halfMessage(t *testing.T, n *house.Node, kind int) {
	t.Helper()
	c := dial(t, "tcp", n.SIP())
	invite := request(c, "INVITE", "sip:bob@"+house.Domain, "dave", 1)
	text := invite.String()
	switch kind % 3 {
	case 0:
		text = text[:len(text)/2]
	case 1:
		text = strings.Replace(text, "Content-Length: 0", "Content-Length: 60000", 1) + "v=0"
	case 2:
		text = ""
	}
	if err := c.Write(text); err != nil {
		t.Fatal(err)
	}
}

// TestPhoneThatDoesNotReadIsCalled: calls to a phone whose connection is stuck
// end for their callers, and nobody else notices.
func TestPhoneThatDoesNotReadIsCalled(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, carol := h.Phone("alice"), h.Phone("carol")
	c := registered(t, "tcp", "dave", n) // it reads, but never answers
	out := alice.Calls("dave")
	if m := receive(t, c); m.Method() != "INVITE" {
		t.Fatalf("dave got %q, want INVITE", m.Start)
	}
	other := alice.Calls("carol")
	in := carol.Rings()
	in.Answers()
	other.IsAnswered()
	other.HangsUp()
	if got := out.Cancels(); got != 200 {
		t.Errorf("CANCEL: got %d, want 200", got)
	}
	_ = c.Close()
	out.EndsWith(487) // RFC 3261 section 9.1: the caller need not wait for who is gone
}
