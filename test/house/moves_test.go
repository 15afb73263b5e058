package house_test

import (
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// TestPhoneMovesInACall: a phone whose address changed leaves its old connection
// half open: no FIN ever comes. It registers on a new one as the same device, and
// what is sent to it inside its call must come there, not into the void.
func TestPhoneMovesInACall(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice := h.Phone("alice")
	old := registered(t, "tcp", "bob", n)
	out := alice.Calls("bob")
	invite := receive(t, old)
	answer := invite.Reply(200, "OK", "bobs-tag")
	answer.Add("Contact", contact(old, "bob"))
	if err := old.Send(answer); err != nil {
		t.Fatal(err)
	}
	out.IsAnswered()
	if m := receive(t, old); m.Method() != "ACK" {
		t.Fatalf("bob got %q, want ACK", m.Start)
	}
	moved := dial(t, "tcp", n.SIP())
	challenge := ask(t, moved, register(moved, "bob", 3, ""))
	if got := ask(t, moved, register(moved, "bob", 4, answerTo(t, challenge, "bob", house.Password))); got.Status() != 200 {
		t.Fatalf("registering again: got %q", got.Start)
	}
	n.HasPhones("bob", 1, "up")
	there := make(chan string, 2)
	for name, c := range map[string]*wire.Conn{"old": old, "new": moved} {
		go func() {
			if m, err := c.Receive(3 * time.Second); err == nil {
				_ = c.Send(m.Reply(200, "OK", ""))
				there <- name + " " + m.Method()
			}
		}()
	}
	if got := out.TriesToHangUp(); got != 200 {
		t.Errorf("BYE: got %d, want 200", got)
	}
	if got := <-there; got != "new BYE" {
		t.Errorf("BYE came on the connection %q, want on the new one", got)
	}
}
