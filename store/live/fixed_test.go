package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// fixed is what the API says of 201 for an hour.
func fixed(activity string) Presence {
	return Presence{User: "201", ID: FromAPI, Source: FromAPI, Open: true, Activity: activity, Fixed: true, Expires: time.Hour}
}

// wants checks what every node tells of 201.
func (h *presenceHouse) wants(activity string) {
	h.t.Helper()
	for name, p := range h.tables {
		p.Expire(time.Now())
		if got := p.Of("201").First().Activity; got != activity {
			h.t.Errorf("%s tells %q, want %q", name, got, activity)
		}
	}
}

// TestWhatIsSaidLastCounts: at whichever node it is said, during a cut too, and that
// nothing is said any more is a word like others.
func TestWhatIsSaidLastCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPresenceHouse(t, "laurel", "mons")
		laurel, mons := h.tables["laurel"], h.tables["mons"]
		say := func(p *Presences, activity string) {
			t.Helper()
			time.Sleep(time.Second)
			if activity != "" {
				put(t, p, fixed(activity))
			} else if err := p.Withdraw("201", FromAPI, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		say(laurel, Meeting)
		h.carry()
		h.wants(Meeting)
		say(mons, Vacation)
		h.carry()
		h.wants(Vacation)
		say(laurel, "")
		h.carry()
		h.wants("")

		say(mons, Meeting) // and now the line is cut
		say(laurel, Vacation)
		say(laurel, "")
		h.carry()
		h.wants("")
		say(laurel, "")
		say(mons, Meeting)
		h.carry()
		h.wants(Meeting)
	})
}

// TestWhatIsFixedEndsByItself, though its node is silent, and not earlier.
func TestWhatIsFixedEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPresenceHouse(t, "laurel", "mons")
		put(t, h.tables["laurel"], fixed(Meeting))
		h.carry()
		told := 0
		h.tables["mons"].Watch(func(string) { told++ })
		h.tables["mons"].SetNodeAlive("laurel", false)
		time.Sleep(time.Hour - time.Second)
		h.wants(Meeting)
		time.Sleep(2 * time.Second)
		h.wants("")
		if told != 1 {
			t.Errorf("watchers were told %d times, want once", told)
		}
	})
}

// TestAPictureProlongsNothing: a node is told again of what it knows when a line returns.
func TestAPictureProlongsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPresenceHouse(t, "laurel", "mons")
		x := put(t, h.tables["laurel"], fixed(Meeting))
		h.carry()
		time.Sleep(50 * time.Minute)
		h.learn("laurel", presenceKey(&x), x.shared())
		time.Sleep(11 * time.Minute)
		h.tables["mons"].Expire(time.Now())
		if got := h.tables["mons"].Of("201").First(); got.Activity != "" {
			t.Errorf("mons tells %+v", got)
		}
	})
}
