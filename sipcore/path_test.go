package sipcore_test

import (
	"bufio"
	"net"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// TestAPhoneWhoseProxyIsDialled: what the phone registered through is where its
// calls go, also when the connection has to be opened anew; its Contact, which
// may be an address that only the proxy can reach, is not dialled (RFC 3327).
func TestAPhoneWhoseProxyIsDialled(t *testing.T) {
	edge := listen(t, "127.0.0.1:0")
	alice, bob := lostBehind(t, edge.Addr().String())
	alice.invites("bob")
	invite := refusesOne(t, edge)
	if got := invite.Get("Route"); got != bob.path || invite.URI() != bob.contact() {
		t.Errorf("got Route %q and Request-URI %q, want %q and %q", got, invite.URI(), bob.path, bob.contact())
	}
	alice.gets("486")
}

// TestAPhoneThatRestarts: a call to what has lost its connection and refuses
// another finds it when it listens again a moment later.
func TestAPhoneThatRestarts(t *testing.T) {
	before := listen(t, "127.0.0.1:0")
	at := before.Addr().String()
	_ = before.Close()
	alice, _ := lostBehind(t, at)
	alice.invites("bob")
	time.Sleep(200 * time.Millisecond) // what it takes to start
	refusesOne(t, listen(t, at))
	alice.gets("486")
}

// lostBehind returns two phones of one node, of whom bob registered through a
// proxy at an address and has lost the connection.
func lostBehind(t *testing.T, at string) (alice, bob *phone) {
	t.Helper()
	s := newTown(t, "laurel").nodes["laurel"]
	alice, bob = s.phone("alice", "a"), s.stranger("tcp", "bob")
	bob.device, bob.listen = "b", "192.0.2.7:5060"
	bob.path = "<sip:token@" + at + ";transport=tcp;lr>"
	bob.registers()
	_ = bob.conn.Close()
	eventually(t, "the node sees that the flow is gone", func() bool {
		return s.bindings.Of("bob")[0].Flow == 0
	})
	return alice, bob
}

func listen(t *testing.T, at string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// refusesOne accepts one connection, answers its first request with 486 and
// returns it.
func refusesOne(t *testing.T, l net.Listener) wire.Message {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	invite, err := wire.Read(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(invite.Reply(486, "Busy Here", "x").String())); err != nil {
		t.Fatal(err)
	}
	return invite
}
