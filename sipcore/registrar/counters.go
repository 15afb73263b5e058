package registrar

import (
	"sync/atomic"
	"time"
)

// Counters says what came of all REGISTER requests so far.
type Counters struct {
	Accepted         uint64 // 200
	Challenged       uint64 // 401, Wrong included
	Wrong            uint64 // 401 to a wrong user or password
	ForbiddenNetwork uint64 // 403 before any password
	Malformed        uint64 // 400 to unreadable credentials
	TooSoon          uint64 // 500 behind too many wrong passwords
	NotJudged        uint64 // 403 to a user of another site, because no main could be asked
	Refused          uint64 // anything else to somebody who has shown a password
	SentAway         uint64 // 503 to a phone that is to register at another node
	Dropped          uint64 // bindings that ended because their network is not allowed any more
}

type counters struct {
	accepted, challenged, wrong, forbiddenNetwork, malformed, tooSoon, notJudged, refused, sentAway, dropped atomic.Uint64
}

// Counters returns the counts.
func (r *Registrar) Counters() Counters {
	c := &r.counters
	return Counters{
		Accepted: c.accepted.Load(), Challenged: c.challenged.Load(), Wrong: c.wrong.Load(),
		ForbiddenNetwork: c.forbiddenNetwork.Load(), Malformed: c.malformed.Load(), TooSoon: c.tooSoon.Load(),
		NotJudged: c.notJudged.Load(), Refused: c.refused.Load(), SentAway: c.sentAway.Load(), Dropped: c.dropped.Load(),
	}
}

// quiet lets one line a second into the log, whatever strangers send.
type quiet struct {
	last   atomic.Int64 // Unix seconds
	untold atomic.Uint64
}

// mayTell reports whether something may be told now, and how often it was not
// since the last time.
func (q *quiet) mayTell(now time.Time) (untold uint64, ok bool) {
	last, second := q.last.Load(), now.Unix()
	if last == second || !q.last.CompareAndSwap(last, second) {
		q.untold.Add(1)
		return 0, false
	}
	return q.untold.Swap(0), true
}
