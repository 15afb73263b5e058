package house_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/test/house"
)

// TestCancelAgainstAnswer lets the caller give up in the very moment the callee
// answers, 1,000 times at all distances around it. Whatever wins, both sides
// must agree: the caller has a 200 and the callee its ACK, or the caller has
// 487 and the callee was cancelled (RFC 3261 section 9).
func TestCancelAgainstAnswer(t *testing.T) {
	const tries, atOnce = 1000, 20
	h := house.New(t)
	h.Node("hardy")
	var mu sync.Mutex
	outcomes := map[string]int{}
	for pair := range 2 {
		callers, callee := h.PhoneOver(transports[pair], "alice"), h.PhoneOver(transports[1-pair], "bob")
		for range tries / 2 / atOnce {
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
// same segment as INVITE. It must not overtake it, get lost, or leave a phone
// ringing.
func TestCancelRightBehindInvite(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	bob := h.PhoneOver("udp", "bob")
	c := registered(t, "tcp", "alice", n)
	for i := range 200 {
		invite := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", 10+i)
		cancel := invite.Clone()
		cancel.Start = strings.Replace(cancel.Start, "INVITE", "CANCEL", 1)
		cancel.Set("CSeq", strings.Replace(cancel.Get("CSeq"), "INVITE", "CANCEL", 1))
		if err := c.Write(invite.String() + cancel.String()); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for len(got) < 2 {
			m := receive(t, c)
			if m.Status() >= 200 {
				got[m.Method()] = m.Status()
			}
			if m.Status() >= 300 && m.Method() == "INVITE" {
				acknowledge(t, c, invite, m)
			}
		}
		if got["CANCEL"] != 200 || got["INVITE"] != 487 {
			t.Fatalf("try %d: got %v, want CANCEL:200 INVITE:487", i, got)
		}
	}
	n.IsIdle()
	for in := bob.NextRing(); in != nil; in = bob.NextRing() {
		in.IsCancelled()
	}
}
