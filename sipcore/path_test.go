package sipcore_test

import (
	"bufio"
	"net"
	"testing"

	"carillon/test/house/wire"
)

// TestAPhoneWhoseProxyIsDialled: what the phone registered through is where its
// calls go, also when the connection has to be opened anew; its Contact, which
// may be an address that only the proxy can reach, is not dialled (RFC 3327).
func TestAPhoneWhoseProxyIsDialled(t *testing.T) {
	w := newTown(t, "laurel")
	s := w.nodes["laurel"]
	edge, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = edge.Close() }()
	alice, bob := s.phone("alice", "a"), s.stranger("tcp", "bob")
	bob.device, bob.listen = "b", "192.0.2.7:5060"
	bob.path = "<sip:token@" + edge.Addr().String() + ";transport=tcp;lr>"
	bob.registers()
	_ = bob.conn.Close()
	eventually(t, "the node sees that the flow is gone", func() bool {
		return s.bindings.Of("bob")[0].Flow == 0
	})
	alice.invites("bob")
	conn, err := edge.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	invite, err := wire.Read(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if got := invite.Get("Route"); got != bob.path || invite.URI() != bob.contact() {
		t.Errorf("got Route %q and Request-URI %q, want %q and %q", got, invite.URI(), bob.path, bob.contact())
	}
	if _, err := conn.Write([]byte(invite.Reply(486, "Busy Here", "x").String())); err != nil {
		t.Fatal(err)
	}
	alice.gets("486")
}
