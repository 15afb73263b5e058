package dialog

import (
	"slices"
	"time"

	"carillon/store/live"
)

// auditEvery is how often lamps are compared with calls: one that were wrong would be
// for no longer.
const auditEvery = 2 * time.Second

// Audit compares the lamps of this node with its calls, makes them right, and
// returns how many were wrong. Each is reckoned to have been since the last time.
func (t *Tracker) Audit() (wrong int) {
	t.calls.Each(func(c *live.Call) {
		missing := 0
		for i := range c.Sides {
			if s := &c.Sides[i]; s.IsShown() && !t.lamps.Has(s.Dialog) {
				t.lamps.Put(s.Dialog)
				missing++
			}
		}
		if missing > 0 {
			t.tell(c)
		}
		wrong += missing
	})
	for _, row := range t.lamps.Own() {
		if t.isStray(row) {
			wrong++
		}
	}
	if wrong > 0 {
		t.logger.Warn("lamps were not as their calls are", "lamps", wrong)
	}
	t.mistaken.Add(int64(wrong) * int64(auditEvery))
	return wrong
}

// isStray reports whether a lamp was lit by no call; it is not any more.
func (t *Tracker) isStray(row live.Dialog) (stray bool) {
	known := t.calls.Change(row.Call, func(c *live.Call) {
		lights := func(s live.Side) bool { return s.IsShown() && s.User == row.User && s.Direction == row.Direction }
		if !slices.ContainsFunc(c.Sides, lights) && t.lamps.Has(row) {
			t.lamps.Delete(row)
			stray = true
		}
	})
	if !known && t.lamps.Has(row) {
		t.lamps.Delete(row)
		return true
	}
	return stray
}

// Mistaken returns for how long lamps were not as their calls were: of each lamp,
// added up.
func (t *Tracker) Mistaken() time.Duration { return time.Duration(t.mistaken.Load()) }
