package sipcore_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// A wanter is a phone that picks bob's call up.
type wanter struct {
	*phone
	byCode bool
	wants  wire.Message
	began  time.Time
	took   time.Duration // until its INVITE ended
	end    *wire.Message // so
}

// TestTwoPickUpAtOnce: one has the call and the other hears that, and nothing is left;
// by the lamp and by code, with a caller whose phone knows Replaces and one whose phone
// does not. CARILLON_RACES=1000 has as many races of each.
func TestTwoPickUpAtOnce(t *testing.T) {
	for _, supported := range []string{"replaces", "timer"} {
		for name, byCode := range map[string][2]bool{"two lamps": {}, "two codes": {true, true}, "a lamp and a code": {false, true}} {
			t.Run(supported+", "+name, func(t *testing.T) { race(t, supported, byCode) })
		}
	}
}

func race(t *testing.T, supported string, byCode [2]bool) {
	t.Helper()
	w := newTown(t, "laurel", "hardy", "stan")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	both := [2]*phone{w.nodes["stan"].phone("carol", "c"), w.nodes["laurel"].phone("carol", "d")}
	w.nodes["laurel"].knows("bob", "hardy")
	w.nodes["laurel"].knows("carol", "laurel", "stan")
	won, slowest := [2]int{}, time.Duration(0)
	for n := range races(t) {
		if n%100 == 99 { // phones register for a minute
			for _, p := range []*phone{alice, bob, both[0], both[1]} {
				p.registers()
			}
		}
		mine := alice.invitesWith("bob", "Supported", supported)
		rings := bob.gets("INVITE")
		bob.replies(rings, 180)
		alice.gets("180")
		for _, p := range both {
			p.at.isRinging("bob")
		}
		wanters := [2]*wanter{{phone: both[0], byCode: byCode[0]}, {phone: both[1], byCode: byCode[1]}}
		for _, x := range wanters {
			x.picksUp(mine.Get("Call-ID") + ";to-tag=" + bob.tag + ";from-tag=" + alice.tag + ";early-only")
		}
		first, from, to := alice.isPickedUp(mine, supported == "replaces", wanters)
		won[first]++
		slowest = max(slowest, wanters[1-first].took)
		bob.stopsRinging(rings)
		if supported == "replaces" {
			alice.send(ackOf(mine, alice.gets("487")))
		}
		w.lit("alice", "carol")
		hangsUp(to, from)
		w.noCallIsLeft()
	}
	t.Logf("won: %v; who was later heard it within %v", won, slowest)
	for _, s := range w.nodes {
		eventually(t, "no INVITE waits at "+s.name, func() bool { return s.Counters().Ringing == 0 })
	}
}

func (x *wanter) picksUp(it string) {
	x.t.Helper()
	x.began = time.Now()
	if x.byCode {
		x.wants = x.invites("**bob")
		return
	}
	x.wants = x.invitesWith("bob", "Replaces", it)
}

// isPickedUp goes through with what two begin who pick up a call: it returns who of them
// has it, his side of it, and the caller's.
func (p *phone) isPickedUp(mine wire.Message, replaces bool, by [2]*wanter) (first int, from, to *side) {
	p.t.Helper()
	if !replaces {
		return p.isComeBackTo(mine, by)
	}
	invite := p.gets("INVITE")
	answer := p.replies(invite, 200)
	if invite.Get("Call-ID") != by[0].wants.Get("Call-ID") {
		first = 1
	}
	by[1-first].hears()
	by[1-first].isTooLate()
	from, to = by[first].calling(by[first].gets("200")), p.called(invite, answer)
	from.within("ACK")
	p.gets("ACK")
	return first, from, to
}

// isComeBackTo is isPickedUp for a caller whose phone knows nothing of Replaces.
func (p *phone) isComeBackTo(mine wire.Message, by [2]*wanter) (first int, from, to *side) {
	p.t.Helper()
	for _, x := range by {
		x.hears()
	}
	if by[0].end.Status() != 487 {
		first = 1
	}
	by[1-first].isTooLate()
	x := by[first]
	if !strings.Contains(x.end.Start, "Picked Up") {
		p.t.Fatalf("who has the call hears %s", x.end.Start)
	}
	invite := x.gets("INVITE")
	if invite.Get("Call-ID") != mine.Get("Call-ID") {
		p.t.Fatalf("another call comes back:\n%s", invite)
	}
	answer := x.replies(invite, 200)
	from, to = x.called(invite, answer), p.calling(p.gets("200"))
	to.within("ACK")
	x.gets("ACK")
	return first, from, to
}

// hears waits for the end of its INVITE, whatever it is.
func (x *wanter) hears() {
	x.t.Helper()
	for x.end == nil {
		m, err := x.conn.Receive(patience)
		switch {
		case err != nil:
			x.t.Fatalf("%s (%s) hears nothing: %v", x.user, x.device, err)
		case m.Request():
			x.t.Fatalf("%s (%s) is called:\n%s", x.user, x.device, m)
		case m.Status() >= 200:
			x.end, x.took = &m, time.Since(x.began)
			x.send(ackOf(x.wants, m))
		}
	}
}

// isTooLate checks what it heard whom another was quicker than.
func (x *wanter) isTooLate() {
	x.t.Helper()
	status := x.end.Status()
	if status != 486 && status != 481 && (status != 404 || !x.byCode) {
		x.t.Fatalf("who was later hears %s", x.end.Start)
	}
}

// races is how many times two pick up at once.
func races(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("CARILLON_RACES")); err == nil {
		return n
	}
	return 10
}
