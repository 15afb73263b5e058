package guard

import (
	"sync/atomic"
	"time"
)

// SampleEvery is how often a Load wants to hear how far behind the node is.
const SampleEvery = 50 * time.Millisecond

const (
	lagHigh = 150 * time.Millisecond // from here on more is refused; at 500 phones begin to ask again
	lagLow  = 30 * time.Millisecond  // from here on less; between them nothing changes
	lagLong = 3                      // samples that are high before anything is refused

	whole    = 1000 // thousandths: everything
	moreEach = 200  // more refused each sample that is high
	lessEach = 25   // less refused each sample that is low: nothing after 2 s

	// A request that was refused is refused again for as long as it may be
	// repeated: else a repetition would ring at somebody whom its sender has given
	// up.
	remembered = 1 << 15
	memoryLong = int(32 * time.Second / SampleEvery)
)

// A Load decides which share of what is new is refused, so that what has begun
// goes on as if nothing were. The more the node is behind the more is refused; it
// gives way slowly, so that it does not swing. The zero Load refuses nothing.
// Sample is called by one goroutine, the rest by any number.
type Load struct {
	share   atomic.Uint32 // thousandths of what is new
	turn    atomic.Uint32
	refused atomic.Pointer[[remembered]atomic.Uint64] // requests; nil while there is no need

	high, calm int // samples in a row; Sample's own
}

// Sample takes how long what is being handled had to wait. It reports whether
// refusing has begun or ended with it.
func (l *Load) Sample(lag time.Duration) (began, ended bool) {
	old := int(l.share.Load())
	next := old
	if l.high++; lag < lagHigh {
		l.high = 0
	}
	switch {
	case l.high >= lagLong || l.high > 0 && old > 0:
		next += moreEach
	case lag < lagLow:
		next -= lessEach
	}
	next = min(max(next, 0), whole)
	began, ended = old == 0 && next > 0, old > 0 && next == 0
	l.remember(next)
	l.share.Store(uint32(next))
	return began, ended
}

// remember makes room for what is refused, and gives it back when nothing that
// was refused can be repeated any more.
func (l *Load) remember(share int) {
	if l.calm++; share > 0 {
		l.calm = 0
	}
	switch have := l.refused.Load() != nil; {
	case share > 0 && !have:
		l.refused.Store(new([remembered]atomic.Uint64))
	case have && l.calm > memoryLong:
		l.refused.Store(nil)
	}
}

// Active reports whether Refuses has to be asked: almost never.
func (l *Load) Active() bool { return l.refused.Load() != nil }

// Refuses decides on one new request, whose id is not 0 and the same for each of
// its repetitions. Of many, just the share is refused.
func (l *Load) Refuses(id uint64) bool {
	memory := l.refused.Load()
	if memory == nil {
		return false
	}
	slot := &memory[id%remembered]
	if slot.Load() == id {
		return true
	}
	share := l.share.Load()
	if share == 0 || l.turn.Add(share)%whole >= share {
		return false
	}
	slot.Store(id)
	return true
}

// Share returns the part that is refused now, 0 to 1.
func (l *Load) Share() float64 { return float64(l.share.Load()) / whole }
