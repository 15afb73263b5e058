package admin

import (
	"sync"
	"time"
)

// A flood bounds how often somebody may do something: so many at once, and then one each
// interval. It is safe for concurrent use.
type flood struct {
	burst int
	every time.Duration

	mu  sync.Mutex
	who map[string]time.Time // when all of the burst is there again
}

// mostFlooding bounds of how many it is remembered.
const mostFlooding = 4096

func newFlood(burst int, every time.Duration) *flood {
	return &flood{burst: burst, every: every, who: make(map[string]time.Time)}
}

// take reports how long who has to wait; not at all if he may go on.
func (f *flood) take(who string, now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.who) >= mostFlooding {
		f.forgetLocked(now)
	}
	full, known := f.who[who]
	if !known && len(f.who) >= mostFlooding {
		who = "" // so many at once share what one has
		full = f.who[who]
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(f.every)
	if wait = full.Sub(now) - time.Duration(f.burst)*f.every; wait > 0 {
		return wait
	}
	f.who[who] = full
	return 0
}

func (f *flood) forgetLocked(now time.Time) {
	for who, full := range f.who {
		if full.Before(now) {
			delete(f.who, who)
		}
	}
}
