package lab

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"carillon/test/lab/extension"
	"carillon/test/tool"
)

// A tally counts calls that phones make, five a second.
type tally struct {
	watch *tool.Stopwatch // of all times: what the machine stands still does not count

	mu       sync.Mutex
	answered []time.Duration // in order
	lost     []time.Duration // when they began
	why      map[string]int
}

func newTally(tb testing.TB) *tally {
	tb.Helper()
	return &tally{watch: tool.Start(tb), why: map[string]int{}}
}

const (
	between  = 200 * time.Millisecond // two calls
	callTime = 60 * time.Second       // in which one must be answered, however often the phone tries
)

// call has these phones call each other until ctx ends, each call for a moment.
func (t *tally) call(ctx context.Context, phones []*extension.Phone) {
	go func() {
		tick := time.NewTicker(between)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			caller := phones[i%len(phones)]
			other := phones[(i+1+rand.IntN(len(phones)-1))%len(phones)]
			go t.one(ctx, caller, other)
		}
	}()
}

func (t *tally) one(ctx context.Context, caller, other *extension.Phone) {
	began := t.watch.Took()
	within, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := caller.Calls(within, other.User())
	if ctx.Err() != nil {
		return
	}
	t.note(began, err)
	if err == nil {
		time.Sleep(between)
		_ = c.HangsUp(within, other)
	}
}

func (t *tally) note(began time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.answered = append(t.answered, t.watch.Took())
		return
	}
	t.lost = append(t.lost, began)
	t.why[err.Error()]++
}

// since returns how many calls were lost that began since then, and the longest
// time without one that was answered.
func (t *tally) since(began time.Duration) (lost int, gap time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, at := range t.lost {
		if at > began {
			lost++
		}
	}
	last := began
	for _, at := range t.answered {
		if at > began {
			gap, last = max(gap, at-last), at
		}
	}
	return lost, max(gap, t.watch.Took()-last)
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.answered)
}

func (t *tally) reasons() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.why)
}
