package guard

import (
	"sync/atomic"
	"time"
)

// A meter measures a rate by one number (GCRA): the time at which all that has
// come would have come at the allowed rate. It falls back by itself; 0 is a
// meter at rest.
type meter int64

// A rate is how much is allowed: one each so many ns, and so much at once.
type rate struct{ every, burst int64 }

// perSecond allows n a second, and burst at once.
func perSecond(n, burst int64) rate {
	return rate{every: int64(time.Second) / n, burst: burst}
}

// passes counts one more, if the rate allows it.
func (m *meter) passes(now int64, r rate) bool {
	next := max(int64(*m), now) + r.every
	if next-now > r.every*r.burst {
		return false
	}
	*m = meter(next)
	return true
}

// passesOf is passes of a meter that many use at once.
func passesOf(shared *atomic.Int64, now int64, r rate) bool {
	for {
		old := shared.Load()
		m := meter(old)
		if !m.passes(now, r) {
			return false
		}
		if shared.CompareAndSwap(old, int64(m)) {
			return true
		}
	}
}

// add counts one more whatever the rate, but no more than most, and returns how
// many there are now.
func (m *meter) add(now, every, most int64) int64 {
	*m = meter(min(max(int64(*m), now)+every, now+every*most))
	return m.count(now, every)
}

// undo takes one back.
func (m *meter) undo(every int64) { *m -= meter(every) }

// count returns how many there are, a part being one.
func (m *meter) count(now, every int64) int64 {
	return max(0, (int64(*m)-now+every-1)/every)
}
