package dialog

import (
	"testing"
	"time"

	"carillon/store/live"
)

// TestGuests: a call of another node is known while it lasts, by whatever branch of
// it, and shown to nobody.
func TestGuests(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(x *Tracker, one, other ID)
		want bool
	}{
		{"it rings", func(*Tracker, ID, ID) {}, true},
		{"answered", func(x *Tracker, one, _ ID) { x.Answered(one, 0, "201", "b") }, true},
		{"refused", func(x *Tracker, one, other ID) { x.Ended(one); x.Ended(other) }, false},
		{"the other phone answers", func(x *Tracker, one, other ID) { x.Ended(one); x.Answered(other, 0, "201", "c") }, true},
		{"the other phone stops", func(x *Tracker, one, other ID) { x.Answered(one, 0, "201", "b"); x.Ended(other) }, true},
		{"for a day nobody says a word", func(x *Tracker, one, _ ID) { x.Answered(one, 0, "201", "b"); x.expire(time.Now().Add(25 * time.Hour)) }, false},
		{"over", func(x *Tracker, one, _ ID) { x.Answered(one, 0, "201", "b"); x.EndedBy(request(t, "BYE", "b", "a")) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := live.NewCalls()
			x := newTracker(calls)
			one, other := x.Invites(request(t, "INVITE", "a", ""), "201"), x.Invites(request(t, "INVITE", "a", ""), "201")
			tt.do(x, one, other)
			if got := x.Carries(request(t, "INFO", "b", "a")); got != tt.want {
				t.Errorf("it is known: %v, want %v", got, tt.want)
			}
			if x.Carries(request(t, "INFO", "c", "d")) {
				t.Error("so is another one")
			}
			if got := x.Talking()["201"]; got != tt.want {
				t.Errorf("the user has a call: %v, want %v", got, tt.want)
			}
			if calls.Count() != 0 {
				t.Error("it is shown")
			}
		})
	}
}
