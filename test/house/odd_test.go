package house_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/house/wire"
	"carillon/test/tool"
)

// TestTwoPhonesAnswerAtOnce: both 200s reach the caller or one phone is
// cancelled, and no phone is left with an answer that nobody acknowledged.
func TestTwoPhonesAnswerAtOnce(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, desk, cell := h.Phone("alice"), h.Phone("bob"), h.PhoneOver("udp", "bob")
	outcomes := map[string]int{}
	for range 100 {
		out := alice.Calls("bob")
		atDesk, atCell := desk.Rings(), cell.Rings()
		out.HearsRinging()
		var both sync.WaitGroup
		both.Go(atDesk.Answers)
		both.Go(atCell.Answers)
		both.Wait()
		out.IsAnswered()
		one, other := atDesk.Outcome(), atCell.Outcome()
		outcomes[one+", "+other]++
		out.HangsUp()
	}
	t.Logf("outcomes: %v", outcomes)
	for what, count := range outcomes {
		if !strings.Contains(what, "answered") || strings.Contains(what, "nothing") {
			t.Errorf("%d times: %s", count, what)
		}
	}
}

// TestPhoneReconnectsInACall: a request inside the call finds the phone on its
// new connection, because a route names the device, not only the flow.
func TestPhoneReconnectsInACall(t *testing.T) {
	for _, side := range []string{"caller", "callee"} {
		t.Run(side+" reconnects", func(t *testing.T) {
			h := house.New(t)
			h.Node("hardy")
			alice, bob := h.Phone("alice"), h.Phone("bob")
			out := alice.Calls("bob")
			in := bob.Rings()
			in.Answers()
			out.IsAnswered()
			in.IsAcknowledged()
			if side == "caller" {
				alice.Reconnects()
				in.HangsUp()
				out.IsHungUp()
			} else {
				bob.Reconnects()
				out.HangsUp()
				in.IsHungUp()
			}
		})
	}
}

// TestRestartInACallOverTCP: both phones come back to the new life of the node,
// and their call still ends properly.
func TestRestartInACallOverTCP(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := h.Phone("alice"), h.Phone("bob")
	out := alice.Calls("bob")
	in := bob.Rings()
	in.Answers()
	out.IsAnswered()
	in.IsAcknowledged()
	n.Restart()
	alice.Reconnects()
	bob.Reconnects()
	in.HangsUp()
	out.IsHungUp()
}

// TestPhoneVanishesInACall: who stays can hang up, and learns at once that
// nobody is there; the node forgets the call.
func TestPhoneVanishesInACall(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := h.Phone("alice"), h.Phone("bob")
	out := alice.Calls("bob")
	in := bob.Rings()
	in.Answers()
	out.IsAnswered()
	in.IsAcknowledged()
	bob.Vanishes()
	n.HasPhones("bob", 1, "down")
	began := tool.Start(t)
	if got := out.TriesToHangUp(); got < 400 || got >= 500 {
		t.Errorf("BYE to who is gone: got %d, want 4xx", got)
	}
	if took := began.Took(); took > 5*time.Second {
		t.Errorf("BYE took %v: somebody waited for a timer", took)
	}
	n.IsIdle()
}

// TestMessageInPieces: a connection may deliver a message byte by byte, or many
// at once with keep-alives between them.
func TestMessageInPieces(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	c := dial(t, "tcp", n.SIP())
	for _, b := range []byte(request(c, "OPTIONS", "sip:"+house.Domain, "alice", 1).String()) {
		if err := c.Write(string(b)); err != nil {
			t.Fatal(err)
		}
	}
	if m := receive(t, c); m.Status() != 200 || m.CSeq() != 1 {
		t.Errorf("byte by byte: got %q", m.Start)
	}
	two := "\r\n\r\n" + request(c, "OPTIONS", "sip:"+house.Domain, "alice", 2).String() + "\r\n" + request(c, "OPTIONS", "sip:"+house.Domain, "alice", 3).String()
	if err := c.Write(two); err != nil {
		t.Fatal(err)
	}
	for want := 2; want <= 3; want++ {
		if m := receive(t, c); m.Status() != 200 || m.CSeq() != want {
			t.Errorf("with keep-alives: got %q to %q", m.Start, m.Get("CSeq"))
		}
	}
}

// TestInviteIsRepeated: over UDP a caller repeats what he sent; the phone rings
// once, and the refusal is repeated until it is acknowledged (RFC 3261 section
// 17.2.1).
func TestInviteIsRepeated(t *testing.T) {
	h := house.New(t)
	n := h.NodeWith("hardy", "calls: trusted")
	bob := h.Phone("bob")
	c := dial(t, "udp", n.SIP())
	invite := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", 1)
	for range 3 {
		if err := c.Send(invite); err != nil {
			t.Fatal(err)
		}
	}
	in := bob.Rings()
	in.Refuses(486)
	refusals := 0
	var last wire.Message
	for refusals < 3 {
		if m := receive(t, c); m.Status() == 486 {
			refusals++
			last = m
		}
	}
	acknowledge(t, c, invite, last)
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		if m, err := c.Receive(time.Second); err == nil && m.Status() == 486 {
			refusals++
		}
	}
	if refusals > 4 {
		t.Errorf("got %d refusals, want no more after the ACK", refusals)
	}
	bob.IsQuiet()
}

// TestCallByAddress: the node's own address is as good as its domain.
func TestCallByAddress(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := h.Phone("alice"), h.Phone("bob")
	for _, host := range []string{n.Addr.String(), n.SIP().String(), strings.ToUpper(house.Domain)} {
		out := alice.CallsURI(fmt.Sprintf("sip:bob@%s", host))
		in := bob.Rings()
		in.Refuses(486)
		out.EndsWith(486)
	}
}

// TestOthersDomainsAreNotServed: a telephone system is no open relay, not even
// for its own users, and dials no address that a caller writes.
func TestOthersDomainsAreNotServed(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice := h.Phone("alice")
	for _, uri := range []string{"sip:bob@example.com", "sip:bob@127.0.0.1:5999", "tel:+3225551234", "sips:bob@" + house.Domain} {
		began := tool.Start(t)
		out := alice.CallsURI(uri)
		got := out.Outcome()
		t.Logf("INVITE %s: %d after %v", uri, got, began.Took())
		if got < 400 || got >= 500 {
			t.Errorf("INVITE %s: got %d, want a refusal", uri, got)
		}
	}
}

// TestForgedRoute: a Route that looks like ours but was not made by us leads
// nowhere.
func TestForgedRoute(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	bob := h.Phone("bob")
	c := registered(t, "tcp", "alice", n)
	for _, method := range []string{"INVITE", "BYE"} {
		m := request(c, method, "sip:bob@127.0.0.1:5999", "alice", 20)
		m.Add("Route", fmt.Sprintf("<sip:c2FpbG9y@%s;lr>", n.SIP()))
		if method == "BYE" {
			m.Set("To", "<sip:bob@"+house.Domain+">;tag=1")
		}
		got := ask(t, c, m)
		t.Logf("%s by a forged route: %s", method, got.Start)
		if got.Status() < 400 || got.Status() >= 500 {
			t.Errorf("%s by a forged route: got %q, want a refusal", method, got.Start)
		}
		if method == "INVITE" {
			acknowledge(t, c, m, got)
		}
	}
	bob.IsQuiet()
}

// TestOldNonce: a phone that proves itself with a nonce of the node's last life,
// or one that it used before, is asked again without doubt about its password.
func TestOldNonce(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	c := dial(t, "udp", n.SIP())
	challenge := ask(t, c, register(c, "alice", 1, ""))
	credentials := answerTo(t, challenge, "alice", house.Password)
	if got := ask(t, c, register(c, "alice", 2, credentials)); got.Status() != 200 {
		t.Fatalf("first use: got %q, want 200", got.Start)
	}
	again := ask(t, c, register(c, "alice", 3, credentials))
	if again.Status() != 401 || !strings.Contains(strings.ToLower(again.Get("WWW-Authenticate")), "stale=true") {
		t.Errorf("second use of the same count: got %q %q, want 401 with stale=true", again.Start, again.Get("WWW-Authenticate"))
	}
	n.Restart()
	known := wire.Credentials{User: "alice", Password: house.Password, Count: 7}
	answer, err := known.Answer(challenge.Get("WWW-Authenticate"), "REGISTER", "sip:"+house.Domain)
	if err != nil {
		t.Fatal(err)
	}
	after := ask(t, c, register(c, "alice", 4, answer))
	stale := strings.Contains(strings.ToLower(after.Get("WWW-Authenticate")), "stale=true")
	if after.Status() != 200 && (after.Status() != 401 || !stale) {
		t.Errorf("after a restart: got %q %q, want 200, or 401 with stale=true", after.Start, after.Get("WWW-Authenticate"))
	}
}

// TestTooManyPhones: the number of phones of one user is bounded.
func TestTooManyPhones(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	for i := range 12 {
		got := h.Stranger("udp", "alice").Registers()
		t.Logf("phone %d: %d", i+1, got)
	}
	if got := len(n.Registrations("alice")); got != 10 {
		t.Errorf("got %d phones, want 10", got)
	}
}
