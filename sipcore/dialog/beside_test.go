package dialog

import (
	"fmt"
	"sync"
	"testing"

	"carillon/sipcore/message"
	"carillon/store/live"
)

// inviteOf is an INVITE of 201 with a Call-ID.
func inviteOf(t *testing.T, callID string) *message.Message {
	t.Helper()
	m, err := message.ParseString("INVITE sip:202@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:201@x>;tag=a\r\n" +
		"To: <sip:202@x>\r\nCall-ID: " + callID + "\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAuditBesideCalls: who looks whether lamps are right reads nothing that calls write
// (the race detector sees it), and finds nothing wrong that is only on its way.
func TestAuditBesideCalls(t *testing.T) {
	x := newTracker(live.NewCalls())
	var calling, looking sync.WaitGroup
	done := make(chan struct{})
	for g := range 2 {
		calling.Go(func() {
			for i := range 300 {
				id, _ := x.Invited(inviteOf(t, fmt.Sprint(g, "-", i)), alice, bob)
				x.Rang(id, "202", "b")
				x.Answered(id, 0, "202", "b")
				x.Ended(id)
			}
		})
	}
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if wrong := x.Audit(); wrong != 0 {
					t.Errorf("%d lamps are wrong", wrong)
				}
			}
		}
	})
	calling.Wait()
	close(done)
	looking.Wait()
}

// TestACallThatIsForkedToTwo by a carrier, or sent back by one, with the same Call-ID,
// tag and CSeq: the end of the first is not that of the second.
func TestACallThatIsForkedToTwo(t *testing.T) {
	x := newTracker(live.NewCalls())
	stranger := Party{Number: "+3265000000"}
	one, _ := x.Invited(inviteOf(t, "c"), stranger, bob)
	x.Rang(one, "202", "b")
	two, _ := x.Invited(inviteOf(t, "c"), stranger, Party{Number: "203", IsUser: true})
	x.Rang(two, "203", "d")
	x.Ended(one)
	if got := x.lamps.Of("203"); len(got) != 1 || x.calls.Count() != 1 {
		t.Errorf("203 rings on, and its lamps are %+v, of %d calls", got, x.calls.Count())
	}
	x.Ended(two)
	if x.calls.Count() != 0 || len(x.lamps.All()) != 0 {
		t.Error("something is left")
	}
}
