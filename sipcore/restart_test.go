package sipcore_test

import (
	"bufio"
	"net"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// TestAPhoneThatRestarts: a call to a phone that has lost its connection and
// refuses another finds it when it listens again a moment later.
func TestAPhoneThatRestarts(t *testing.T) {
	w := newTown(t, "laurel")
	s := w.nodes["laurel"]
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := held.Addr().String()
	_ = held.Close()
	alice, bob := s.phone("alice", "a"), s.stranger("tcp", "bob")
	bob.device, bob.listen = "b", at
	bob.path = "<sip:" + at + ";transport=tcp;lr>" // whatever its port, it is dialled
	bob.registers()
	_ = bob.conn.Close()
	eventually(t, "the node sees that the flow is gone", func() bool {
		return s.bindings.Of("bob")[0].Flow == 0
	})
	alice.invites("bob")
	time.Sleep(200 * time.Millisecond) // what it takes to start
	again, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	conn, err := again.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	invite, err := wire.Read(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(invite.Reply(486, "Busy Here", "x").String())); err != nil {
		t.Fatal(err)
	}
	alice.gets("486")
}
