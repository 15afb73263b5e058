package guard

import (
	"sync/atomic"
	"time"
)

// SampleEvery is how often a Load wants to hear how far behind the node is.
const SampleEvery = 50 * time.Millisecond

const (
	lagHigh = 80 * time.Millisecond // from here on more is refused
	lagLow  = 20 * time.Millisecond // from here on less; between them nothing changes
	lagLong = 3                     // samples that are high before anything is refused

	whole    = 1000 // thousandths: everything
	moreEach = 200  // more refused each sample that is high
	lessEach = 25   // less refused each sample that is low: nothing after 2 s
)

// A Load decides which share of what is new is refused, so that what has begun
// goes on as if nothing were. The more the node is behind the more is refused; it
// gives way slowly, so that it does not swing. The zero Load refuses nothing.
// Sample is called by one goroutine, the rest by any number.
type Load struct {
	share atomic.Uint32 // thousandths of what is new
	turn  atomic.Uint32
	high  int // samples in a row; Sample's own
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
	l.share.Store(uint32(next))
	return old == 0 && next > 0, old > 0 && next == 0
}

// Refuses decides on one new request. Of many, just the share is refused.
func (l *Load) Refuses() bool {
	share := l.share.Load()
	return share != 0 && l.turn.Add(share)%whole < share
}

// Share returns the part that is refused now, 0 to 1.
func (l *Load) Share() float64 { return float64(l.share.Load()) / whole }
