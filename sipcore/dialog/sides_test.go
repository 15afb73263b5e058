package dialog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"carillon/store/live"
)

// lamps says in one line what is lit: user, direction and state.
func lamps(x *Tracker) string {
	var lit []string
	for _, d := range x.lamps.All() {
		lit = append(lit, fmt.Sprintf("%s %s %s", d.User, d.Direction, d.State))
	}
	slices.Sort(lit)
	return strings.Join(lit, ", ")
}

// TestLamps: what a call lights, at each of its turns.
func TestLamps(t *testing.T) {
	const calls = "201 initiator "
	rung := func(x *Tracker, id ID) { x.Rang(id, "202", "b") }
	tests := []struct {
		name string
		do   func(*Tracker, ID)
		want string
	}{
		{"he dials", func(*Tracker, ID) {}, calls + "trying"},
		{"it rings", rung, calls + "early, 202 recipient early"},
		{"a second phone rings", func(x *Tracker, id ID) { rung(x, id); x.Rang(id, "202", "b2"); x.Stopped(id, "202") }, calls + "early, 202 recipient early"},
		{"both stop", func(x *Tracker, id ID) {
			rung(x, id)
			x.Rang(id, "202", "b2")
			x.Stopped(id, "202")
			x.Stopped(id, "202")
		}, calls + "early"},
		{"answered", func(x *Tracker, id ID) { rung(x, id); x.Answered(id, 0, "202", "b") }, calls + "confirmed, 202 recipient confirmed"},
		{"answered without a ring", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b") }, calls + "confirmed, 202 recipient confirmed"},
		{
			"another's phone answers", func(x *Tracker, id ID) {
				rung(x, id)
				x.Rang(id, "203", "c")
				x.Answered(id, 0, "203", "c")
				x.Stopped(id, "202")
			},
			calls + "confirmed, 203 recipient confirmed",
		},
		{"it rings after the answer", func(x *Tracker, id ID) { x.Answered(id, 0, "203", "c"); rung(x, id) }, calls + "confirmed, 203 recipient confirmed"},
		{"a carrier answers", func(x *Tracker, id ID) { x.Rang(id, "", "c"); x.Answered(id, 0, "", "c") }, calls + "confirmed"},
		{"canceled", func(x *Tracker, id ID) { rung(x, id); x.Canceled(id) }, ""},
		{"canceled too late", func(x *Tracker, id ID) { rung(x, id); x.Canceled(id); x.Answered(id, 0, "202", "b") }, calls + "confirmed, 202 recipient confirmed"},
		{
			"two answer", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.Answered(id, 0, "203", "c") },
			calls + "confirmed, 202 recipient confirmed, 203 recipient confirmed",
		},
		{"two answer, and one is left", func(x *Tracker, id ID) {
			x.Answered(id, 0, "202", "b")
			x.Answered(id, 0, "203", "c")
			x.EndedBy(request(t, "BYE", "a", "b"))
		}, calls + "confirmed, 203 recipient confirmed"},
		{"two answer, and both are left", func(x *Tracker, id ID) {
			x.Answered(id, 0, "202", "b")
			x.Answered(id, 0, "203", "c")
			x.EndedBy(request(t, "BYE", "b", "a"))
			x.EndedBy(request(t, "BYE", "a", "c"))
		}, ""},
		{"hanging up", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.HungUp(request(t, "BYE", "b", "a")) }, ""},
		{"its answer comes again while he hangs up", func(x *Tracker, id ID) {
			x.Answered(id, 0, "202", "b")
			x.HungUp(request(t, "BYE", "b", "a"))
			x.Answered(id, 0, "202", "b")
		}, ""},
		{"two answer, and one is being left", func(x *Tracker, id ID) {
			x.Answered(id, 0, "202", "b")
			x.Answered(id, 0, "203", "c")
			x.HungUp(request(t, "BYE", "a", "b"))
			x.EndedBy(request(t, "BYE", "a", "b"))
		}, calls + "confirmed, 203 recipient confirmed"},
		{"who hangs up is not heard", func(x *Tracker, id ID) {
			x.Answered(id, 0, "202", "b")
			x.HungUp(request(t, "BYE", "a", "b"))
			x.UnheardBy(request(t, "BYE", "a", "b"))
		}, ""},
		{"nobody reached", func(x *Tracker, id ID) { x.Failed(id) }, ""},
		{"refused", func(x *Tracker, id ID) { rung(x, id); x.Stopped(id, "202"); x.Ended(id) }, ""},
		{"hung up", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.EndedBy(request(t, "BYE", "b", "a")) }, ""},
		{"dialled once more", func(x *Tracker, id ID) { x.Ended(id); x.Invited(request(t, "INVITE", "a", ""), alice, bob) }, calls + "trying"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newTracker(live.NewCalls())
			id, _ := x.Invited(request(t, "INVITE", "a", ""), alice, bob)
			tt.do(x, id)
			if got := lamps(x); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if wrong := x.Audit(); wrong != 0 {
				t.Errorf("%d lamps are not as their calls are", wrong)
			}
		})
	}
}

// TestDialogRow: what a lamp shows of a call that rings is what is needed to take it.
func TestDialogRow(t *testing.T) {
	x := newTracker(live.NewCalls())
	id, _ := x.Invited(request(t, "INVITE", "a", ""), alice, bob)
	x.Rang(id, "202", "b")
	got := x.lamps.Of("202")
	if len(got) != 1 {
		t.Fatalf("got %+v, want one", got)
	}
	want := live.Dialog{
		User: "202", Call: "c1\x00a", Node: "laurel", CallID: "c1", LocalTag: "b", RemoteTag: "a", Direction: live.Recipient, State: live.Early,
		Remote: live.Identity{Display: "Alice", URI: "sip:201@carillon.internal"}, ByUser: true, Since: got[0].Since,
	}
	if got[0] != want {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
}

// TestAuditHeals: a thousand lamps that are wrong are right after one look, and the
// look is counted.
func TestAuditHeals(t *testing.T) {
	x := newTracker(live.NewCalls())
	for i := range 500 {
		invite := request(t, "INVITE", fmt.Sprintf("t%d", i), "")
		id, _ := x.Invited(invite, Party{Number: fmt.Sprint(1000 + i), IsUser: true}, bob)
		x.Rang(id, fmt.Sprint(2000+i), "b")
	}
	right := lamps(x)
	for i, own := range x.lamps.Own() {
		row := own.Dialog
		switch i % 4 {
		case 0: // dark with a call
			x.lamps.Delete(row)
		case 1: // lit without one
			row.Call, row.User = "none", fmt.Sprint(5000+i)
			x.lamps.Put(row)
		case 2: // lit by a call of others
			row.User = fmt.Sprint(9000 + i)
			x.lamps.Put(row)
		case 3: // lit wrongly: the right one is dark as well
			row.State = live.Confirmed
			x.lamps.Put(row)
		}
	}
	if wrong := x.Audit(); wrong != 1250 {
		t.Errorf("%d are wrong, want 1250", wrong)
	}
	if got := lamps(x); got != right {
		t.Error("they are not as they were")
	}
	if x.Audit() != 0 || x.Mistaken() != 1250*auditEvery {
		t.Errorf("and then they are wrong still, for %v", x.Mistaken())
	}
}

// TestTwoPhonesOfOneUserAnswer: the caller keeps one of them (RFC 3261 section
// 13.2.2.4), whichever that is, and the lamp stays lit for it.
func TestTwoPhonesOfOneUserAnswer(t *testing.T) {
	for bye, last := range map[string]string{"b1": "b2", "b2": "b1"} {
		x := newTracker(live.NewCalls())
		id, _ := x.Invited(request(t, "INVITE", "a", ""), alice, bob)
		x.Rang(id, "202", "b1")
		x.Rang(id, "202", "b2")
		x.Answered(id, 0, "202", "b1")
		x.Answered(id, 0, "202", "b2")
		before := lamps(x)
		for _, hangsUp := range []string{bye, bye, last} {
			if got := lamps(x); got != before || x.calls.Count() != 1 {
				t.Errorf("%s hangs up first: lamps %q and %d calls, want %q and one", bye, got, x.calls.Count(), before)
			}
			m := request(t, "BYE", "a", hangsUp)
			x.HungUp(m)
			x.EndedBy(m)
		}
		if got := lamps(x); got != "" || x.calls.Count() != 0 {
			t.Errorf("both have hung up: lamps %q and %d calls, want none", got, x.calls.Count())
		}
	}
}
