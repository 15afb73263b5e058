package house_test

import (
	"fmt"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// turn registers a phone of bob that is tried in its turn, by q (RFC 3261
// section 20.10).
func turn(t *testing.T, transport, name, q string, n *house.Node) *wire.Conn {
	t.Helper()
	c := dial(t, transport, n.SIP())
	ready := func(cseq int, credentials string) wire.Message {
		m := register(c, "bob", cseq, credentials)
		m.Set("Call-ID", name)
		m.Set("Contact", contact(c, "bob")+";q="+q)
		return m
	}
	challenge := ask(t, c, ready(1, ""))
	if got := ask(t, c, ready(2, answerTo(t, challenge, "bob", house.Password))); got.Status() != 200 {
		t.Fatalf("registering bob's %s: got %q, want 200", name, got.Start)
	}
	return c
}

// gets waits for a request, passing over an ACK that nobody asked for.
func gets(t *testing.T, c *wire.Conn, method string) wire.Message {
	t.Helper()
	for {
		m := receive(t, c)
		if m.Method() == method && m.Request() {
			return m
		}
		if m.Method() != "ACK" {
			t.Fatalf("the phone got %q, want %s", m.Start, method)
		}
	}
}

// hearsNothing checks that no message comes for a moment.
func hearsNothing(t *testing.T, c *wire.Conn) {
	t.Helper()
	if m, err := c.Receive(moment); err == nil {
		t.Errorf("the phone whose turn did not come got:\n%s", m)
	}
}

// TestPhonesRingInTheirTurn: a phone of lower q rings when the one before it
// refuses; so a phone that does not ring in the next tests was kept from it.
func TestPhonesRingInTheirTurn(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			n := h.Node("hardy")
			cell, desk := turn(t, "tcp", "cell", "0.3", n), turn(t, transport, "desk", "0.8", n)
			out := h.Phone("alice").Calls("bob")
			rings := gets(t, desk, "INVITE")
			hearsNothing(t, cell)
			replies(t, desk, rings, 486)
			replies(t, cell, gets(t, cell, "INVITE"), 480)
			out.EndsWith(486)
		})
	}
}

// TestDeclineEndsTheCallForLowerQ: a 6xx speaks for all phones of its user, also
// for those whose turn has not come (RFC 3261 section 16.7 step 5).
func TestDeclineEndsTheCallForLowerQ(t *testing.T) {
	for _, status := range []int{600, 603, 604} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			h := house.New(t)
			n := h.Node("hardy")
			cell, desk := turn(t, "tcp", "cell", "0.3", n), turn(t, "tcp", "desk", "0.8", n)
			out := h.Phone("alice").Calls("bob")
			replies(t, desk, gets(t, desk, "INVITE"), status)
			gets(t, desk, "ACK")
			hearsNothing(t, cell)
			out.EndsWith(status)
		})
	}
}

// TestCancelBeforeTheTurnOfLowerQ: a caller who gives up while the first phone
// rings makes no other one ring, however the first one ends.
func TestCancelBeforeTheTurnOfLowerQ(t *testing.T) {
	for _, status := range []int{487, 486} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			h := house.New(t)
			n := h.Node("hardy")
			cell, desk := turn(t, "tcp", "cell", "0.3", n), turn(t, "tcp", "desk", "0.8", n)
			out := h.Phone("alice").Calls("bob")
			rings := gets(t, desk, "INVITE")
			replies(t, desk, rings, 180)
			out.HearsRinging()
			if got := out.Cancels(); got != 200 {
				t.Errorf("CANCEL: got %d, want 200", got)
			}
			replies(t, desk, gets(t, desk, "CANCEL"), 200)
			replies(t, desk, rings, status)
			gets(t, desk, "ACK")
			hearsNothing(t, cell)
			if got := out.Outcome(); got != status {
				t.Errorf("the call: got %d, want %d", got, status)
			}
		})
	}
}
