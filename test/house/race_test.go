package house_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// TestCancelAgainstAnswer lets the caller give up in the very moment the callee
// answers, 10,000 times (1,000 with the race detector, which is ten times as slow)
// at all distances around it. Whatever wins, both sides must agree: the caller has
// a 200 and the callee its ACK, or the caller has 487 and the callee was cancelled
// (RFC 3261 section 9).
func TestCancelAgainstAnswer(t *testing.T) {
	const atOnce = 20
	tries := 10_000
	if house.Race {
		tries = 1000
	}
	h := house.New(t)
	h.Node("hardy")
	var mu sync.Mutex
	outcomes := map[string]int{}
	for pair := range 2 {
		callers, callee := h.PhoneOver(transports[pair], "alice"), h.PhoneOver(transports[1-pair], "bob")
		for i := range tries / 2 / atOnce {
			if i%50 == 49 { // within the minute that they are granted
				callers.Registers()
				callee.Registers()
			}
			var group sync.WaitGroup
			for range atOnce {
				out := callers.Calls("bob")
				in := callee.Rings()
				group.Go(func() {
					what := race(t, out, in)
					mu.Lock()
					outcomes[what]++
					mu.Unlock()
				})
			}
			group.Wait()
		}
		callee.Unregisters()
	}
	t.Logf("outcomes: %v", outcomes)
	if outcomes["answered"]+outcomes["cancelled"] != tries {
		t.Errorf("got %v, want only answered and cancelled, %d in all", outcomes, tries)
	}
	if outcomes["answered"] == 0 || outcomes["cancelled"] == 0 {
		t.Errorf("got %v: one side always wins, so this is no race", outcomes)
	}
}

// race lets both sides act within half a millisecond and says what they saw.
func race(t *testing.T, out *house.Outgoing, in *house.Incoming) string {
	t.Helper()
	out.HearsRinging()
	var both sync.WaitGroup
	both.Go(func() {
		time.Sleep(rand.N(500 * time.Microsecond))
		in.Answers()
	})
	both.Go(func() {
		time.Sleep(rand.N(500 * time.Microsecond))
		out.Cancels()
	})
	both.Wait()
	status, callee := out.Outcome(), in.Outcome()
	switch {
	case status == 200 && callee == "answered":
		out.HangsUp()
		in.IsHungUp()
		return callee
	case status == 487 && callee == "cancelled":
		return callee
	}
	return fmt.Sprintf("caller got %d, callee %s", status, callee)
}

// TestCancelRightBehindInvite: a caller who gives up at once sends CANCEL in the
// same segment as INVITE, 2,000 times. It must not overtake it, get lost, or leave
// a phone ringing: each call ends in 487 or, with a phone that answers at once, in
// a completed call that the caller can hang up.
func TestCancelRightBehindInvite(t *testing.T) {
	const tries = 2000
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := registered(t, "tcp", "alice", n), registered(t, "udp", "bob", n)
	ended := make(chan map[string]int)
	go func() { ended <- hasty(bob, 2*tries) }()
	outcomes := map[int]int{}
	for i := range tries {
		outcomes[cancelledAtOnce(t, alice, 10+2*i)]++
	}
	n.IsIdle()
	_ = bob.Close()
	atBob := <-ended
	t.Logf("the caller's outcomes: %v, the phone's: %v", outcomes, atBob)
	if outcomes[200]+outcomes[487] != tries || outcomes[200] == 0 || outcomes[487] == 0 {
		t.Errorf("got %v, want 200 and 487, %d in all", outcomes, tries)
	}
	if atBob["ringing"] != 0 || atBob["BYE"] != outcomes[200] {
		t.Errorf("the phone had %v, want nothing ringing and as many BYEs as the caller had calls", atBob)
	}
}

// cancelledAtOnce sends INVITE and CANCEL together and returns how the INVITE
// ended. A call that is up is hung up.
func cancelledAtOnce(t *testing.T, c *wire.Conn, cseq int) int {
	t.Helper()
	invite := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", cseq)
	cancel := invite.Clone()
	cancel.Start = strings.Replace(cancel.Start, "INVITE", "CANCEL", 1)
	cancel.Set("CSeq", strings.Replace(cancel.Get("CSeq"), "INVITE", "CANCEL", 1))
	if err := c.Write(invite.String() + cancel.String()); err != nil {
		t.Fatal(err)
	}
	final := map[string]wire.Message{}
	for len(final) < 2 {
		if m := receive(t, c); m.Status() >= 200 {
			final[m.Method()] = m
		}
	}
	if got := final["CANCEL"].Status(); got != 200 {
		t.Fatalf("CANCEL: got %d, want 200", got)
	}
	answer := final["INVITE"]
	if answer.Status() != 200 {
		acknowledge(t, c, invite, answer)
		return answer.Status()
	}
	if err := c.Send(inCall(c, "ACK", answer, cseq)); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, inCall(c, "BYE", answer, cseq+1)); got.Status() != 200 {
		t.Fatalf("BYE: got %q, want 200", got.Start)
	}
	return answer.Status()
}

// hasty is a phone that rings, and answers every second call in the same moment.
// It returns what it had, and how many calls still ring, when c is closed.
func hasty(c *wire.Conn, most int) map[string]int {
	had, ringing := map[string]int{}, map[string]wire.Message{}
	seen := map[string]bool{} // over UDP, what comes again
	for range most * 10 {
		m, err := c.Receive(house.Patience)
		if err != nil {
			break
		}
		key := m.Start + m.Get("Call-ID") + m.Get("CSeq")
		if !m.Request() || m.Method() == "ACK" || seen[key] {
			continue
		}
		seen[key] = true
		had[m.Method()]++
		id := m.Get("Call-ID")
		switch m.Method() {
		case "INVITE":
			ringing[id] = m
			says(c, m, 180)
			if had["INVITE"]%2 == 0 {
				delete(ringing, id)
				says(c, m, 200)
			}
		case "CANCEL":
			says(c, m, 200)
			if invite, ok := ringing[id]; ok {
				delete(ringing, id)
				says(c, invite, 487)
			}
		default:
			says(c, m, 200)
		}
	}
	had["ringing"] = len(ringing)
	return had
}

// says answers a request of bob's phone; what is lost, the test will miss.
func says(c *wire.Conn, to wire.Message, status int) {
	m := to.Reply(status, "Because", "bobs")
	if to.Method() == "INVITE" && status < 300 {
		m.Add("Contact", contact(c, "bob"))
	}
	_ = c.Send(m)
}
