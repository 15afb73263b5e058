package calendar

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What is said already is not said again each minute: other nodes are told of a meeting
// once, also where a second main begins to ask.
func TestAMeetingCostsOneRow(t *testing.T) {
	for _, mains := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, alice(), "laurel", "hardy")
			h.mains["laurel"].turn = true
			h.says("http://cal/alice", meets(0, time.Hour))
			h.pass(time.Minute)
			h.want("begun", "201", "meeting")
			begun := h.rows
			h.mains["hardy"].turn = mains == 2
			h.pass(50 * time.Minute)
			h.want("still in it", "201", "meeting")
			if begun != 1 || h.rows != begun || h.asked < 50 {
				t.Errorf("%d ask: %d rows at first and %d after being asked %d times, want one", mains, begun, h.rows, h.asked)
			}
		})
	}
}

// A meeting of which both mains have told, the one after the other, is taken out of the
// calendar: the next question ends it everywhere, at once, and it does not shine through.
func TestACancelledMeetingEndsAtAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "hardy", "mons")
		laurel, hardy := h.mains["laurel"], h.mains["hardy"]
		laurel.turn = true
		h.says("http://cal/alice", meets(0, 3*time.Hour))
		h.pass(time.Minute)
		laurel.dead, laurel.turn, hardy.turn = true, false, true
		h.says("http://cal/alice", meets(-time.Minute, 2*time.Hour)) // so that hardy says it anew
		h.pass(time.Minute)
		h.want("hardy has taken over", "201", "meeting")
		h.says("http://cal/alice")
		asked := h.asked
		for h.asked == asked {
			h.pass(time.Second)
		}
		h.want("cancelled", "201", "")
		h.pass(2 * time.Minute)
		h.want("later", "201", "")
	})
}

// All of a server are not asked in the same seconds.
func TestQuestionsAreSpread(t *testing.T) {
	var quarters [4]int
	for i := range 1000 {
		quarters[share(fmt.Sprint(1000+i), every)*4/every]++
	}
	for i, n := range quarters {
		if n < 150 || n > 350 {
			t.Errorf("%d of 1000 calendars are asked in quarter %d of the minute: %v", n, i, quarters)
		}
	}
}
