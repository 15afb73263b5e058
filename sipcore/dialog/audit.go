package dialog

import (
	"slices"
	"time"

	"carillon/store/live"
)

// auditEvery is how often lamps are compared with calls: one that were wrong would be
// for no longer.
const auditEvery = 2 * time.Second

// Audit compares the lamps of this node with its calls, and those of others with what they
// told, makes them right, and returns how many were wrong. Each is reckoned to have been since the last time.
func (t *Tracker) Audit() (wrong int) {
	t.calls.Each(func(c *live.Call) {
		missing := 0
		for i := range c.Sides {
			if s := c.Sides[i]; s.IsShown() && !t.lamps.Shows(s) {
				t.lamps.Heal(s, true)
				missing++
			}
		}
		if missing > 0 {
			t.tell(c)
		}
		wrong += missing
	})
	for _, s := range t.lamps.Own() {
		if t.isStray(s) {
			wrong++
		}
	}
	wrong += t.lamps.Audit()
	if wrong > 0 {
		t.logger.Warn("lamps were not as their calls are", "lamps", wrong)
	}
	t.mistaken.Add(int64(wrong) * int64(auditEvery))
	return wrong
}

// isStray reports whether a lamp was lit by no call; it is not any more.
func (t *Tracker) isStray(s *live.Side) (stray bool) {
	heal := func(belongs bool) {
		if !belongs && t.lamps.Shows(s) {
			t.lamps.Heal(s, false)
			stray = true
		}
	}
	if !t.calls.Change(s.Call, func(c *live.Call) { heal(slices.Contains(c.Sides, s) && s.IsShown()) }) {
		heal(false)
	}
	return stray
}

// Mistaken returns for how long lamps were not as their calls were: of each lamp,
// added up.
func (t *Tracker) Mistaken() time.Duration { return time.Duration(t.mistaken.Load()) }
