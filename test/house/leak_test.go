package house_test

import (
	"slices"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// TestRouteOfOneCallLeadsNowhereInAnother: what a phone learned from the
// Record-Route of one call opens no way for a request with another Call-ID.
func TestRouteOfOneCallLeadsNowhereInAnother(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := registered(t, "tcp", "alice", n), registered(t, "tcp", "bob", n)
	invite := request(alice, "INVITE", "sip:bob@"+house.Domain, "alice", 1)
	answer := connects(t, alice, bob, invite)
	for _, method := range []string{"BYE", "MESSAGE"} {
		stray := inCall(alice, method, answer, 10)
		stray.Set("Call-ID", "another")
		if err := alice.Send(stray); err != nil {
			t.Fatal(err)
		}
		if m, err := bob.Receive(moment); err == nil {
			t.Fatalf("bob got:\n%s", m)
		}
		got := receive(t, alice)
		if status := got.Status(); status != 481 && status != 407 && status != 403 {
			t.Errorf("%s by the route of another call: got %q, want a refusal", method, got.Start)
		}
	}
	if err := alice.Send(inCall(alice, "BYE", answer, 11)); err != nil {
		t.Fatal(err)
	}
	bye := receive(t, bob) // the route is good in its own call
	if bye.Method() != "BYE" {
		t.Fatalf("bob got %q, want BYE", bye.Start)
	}
	replies(t, bob, bye, 200)
}

// connects makes a call that is up and returns the 200.
func connects(t *testing.T, caller, callee *wire.Conn, invite wire.Message) wire.Message {
	t.Helper()
	if err := caller.Send(invite); err != nil {
		t.Fatal(err)
	}
	replies(t, callee, receive(t, callee), 200)
	answer := receive(t, caller)
	for answer.Status() < 200 {
		answer = receive(t, caller)
	}
	if answer.Status() != 200 {
		t.Fatalf("the call: got %q, want 200", answer.Start)
	}
	if err := caller.Send(inCall(caller, "ACK", answer, 1)); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, callee); m.Method() != "ACK" {
		t.Fatalf("the callee got %q, want ACK", m.Start)
	}
	return answer
}

// replies answers a request that bob got.
func replies(t *testing.T, c *wire.Conn, to wire.Message, status int) {
	t.Helper()
	m := to.Reply(status, "Because", "bobs")
	if to.Method() == "INVITE" && status < 300 {
		m.Add("Contact", contact(c, "bob"))
	}
	if err := c.Send(m); err != nil {
		t.Fatal(err)
	}
}

// inCall is a request of the caller inside the call that an answer began.
func inCall(c *wire.Conn, method string, answer wire.Message, cseq int) wire.Message {
	m := request(c, method, wire.AddrURI(answer.Get("Contact")), "alice", cseq)
	for _, name := range []string{"From", "To", "Call-ID"} {
		m.Set(name, answer.Get(name))
	}
	routes := answer.All("Record-Route")
	slices.Reverse(routes)
	for _, r := range routes {
		m.Add("Route", r)
	}
	return m
}

// TestPhoneAssertsNoIdentity: who a caller is, only the system may say (RFC 3325
// section 5); what his phone claims does not reach the callee.
func TestPhoneAssertsNoIdentity(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			n := h.NodeWith("hardy", "calls: trusted")
			alice, bob := registered(t, transport, "alice", n), registered(t, "tcp", "bob", n)
			invite := request(alice, "INVITE", "sip:bob@"+house.Domain, "alice", 1)
			invite.Add("P-Asserted-Identity", `"The Boss" <sip:carol@`+house.Domain+`>`)
			invite.Add("P-Asserted-Identity", "<tel:+3225551234>")
			if err := alice.Send(invite); err != nil {
				t.Fatal(err)
			}
			rings := receive(t, bob)
			if got := rings.All("P-Asserted-Identity"); len(got) != 0 {
				t.Errorf("bob sees P-Asserted-Identity %q, want none", got)
			}
			replies(t, bob, rings, 486)
			refusal := receive(t, alice)
			for refusal.Status() < 200 {
				refusal = receive(t, alice)
			}
			acknowledge(t, alice, invite, refusal)
		})
	}
}

// TestMirroredCallEndsAtOnce: a call that a phone sends back for the same number
// is known when it comes back, not only when its Max-Forwards are used up.
func TestMirroredCallEndsAtOnce(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			n := h.NodeWith("hardy", "calls: trusted")
			alice := h.Phone("alice")
			mirror := registered(t, transport, "bob", n)
			turns := make(chan int, 1)
			go func() { turns <- reflect(mirror) }()
			got := alice.Calls("bob").Outcome()
			n.IsIdle()
			_ = mirror.Close()
			if rounds := <-turns; got != 482 || rounds < 1 || rounds > 5 {
				t.Errorf("got %d after %d rounds, want 482 after 1 to 5", got, rounds)
			}
		})
	}
}
