package sipcore_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"carillon/test/house/wire"
	"carillon/test/tool"
)

// TestALargeRequestGoesByTCP: what does not fit a datagram goes over a connection
// to a phone that registered over UDP and may listen (RFC 3261 section 18.1.1),
// also inside a call.
func TestALargeRequestGoesByTCP(t *testing.T) {
	w := newTown(t, "laurel")
	s := w.nodes["laurel"]
	alice := s.phone("alice", "a")
	bob, at := listensToo(t, s)
	defer func() { _ = at.Close() }()
	alice.codecs = 40
	alice.invites("bob")
	conn, err := at.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	invite := reads(t, in, "INVITE")
	if via := invite.All("Via")[0]; !strings.HasPrefix(via, "SIP/2.0/TCP ") || len(invite.String()) <= 1300 {
		t.Errorf("got %d bytes with Via %q, want more than 1300 by TCP", len(invite.String()), via)
	}
	if rr := invite.All("Record-Route")[0]; !strings.Contains(rr, ";transport=tcp") {
		t.Errorf("the phone is told to come back by %q, want TCP", rr)
	}
	answer := invite.Reply(200, "OK", "b")
	answer.Add("Contact", "<"+bob.contact()+">")
	if _, err := conn.Write([]byte(answer.String())); err != nil {
		t.Fatal(err)
	}
	from := alice.calling(alice.gets("200"))
	from.within("ACK") // small: by the flow that it registered on
	bob.gets("ACK")
	again := from.inside("INVITE")
	again.Add("Content-Type", "application/sdp")
	again.Body = alice.sdp()
	from.send(again)
	if _, err := conn.Write([]byte(reads(t, in, "INVITE").Reply(488, "No", "b").String())); err != nil {
		t.Fatal(err)
	}
	reads(t, in, "ACK")
	alice.gets("488")
}

// listensToo is a phone of bob over UDP that listens over TCP at the same port.
func listensToo(t *testing.T, s *station) (*phone, net.Listener) {
	t.Helper()
	for {
		bob := s.stranger("udp", "bob")
		at, err := net.Listen("tcp", bob.conn.Local().String())
		if err != nil {
			continue // somebody else has the port
		}
		bob.device, bob.plain = "b", true
		bob.registers()
		return bob, at
	}
}

func reads(tb testing.TB, in *bufio.Reader, method string) wire.Message {
	tb.Helper()
	m, err := wire.Read(in)
	if err != nil || m.Method() != method {
		tb.Fatalf("got %q, %v, want %s", m.Start, err, method)
	}
	return m
}

// TestALargeRequestGoesByUDPAfterAll: to a phone that does not listen, without
// much ado the first time and none the next; and to one that says udp.
func TestALargeRequestGoesByUDPAfterAll(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plain bool
	}{{"it does not listen", true}, {"it says udp", false}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel")
			s := w.nodes["laurel"]
			alice, bob := s.phone("alice", "a"), s.stranger("udp", "bob")
			bob.device, bob.plain = "b", tt.plain
			bob.registers()
			alice.codecs = 40
			for range 2 {
				began := tool.Start(t)
				alice.invites("bob")
				invite := bob.gets("INVITE")
				if took := began.Took(); took > 400*time.Millisecond || len(invite.String()) <= 1300 {
					t.Errorf("got %d bytes after %v, want more than 1300 at once", len(invite.String()), took)
				}
				bob.replies(invite, 486)
				bob.gets("ACK")
				alice.gets("486")
			}
		})
	}
}
