package tool

import (
	"sync"
	"testing"
	"time"
)

const (
	grain = 10 * time.Millisecond
	late  = 5 * grain // more than a tick waits on a machine that runs
)

// A Stopwatch measures how long something took on a machine that may stand still
// for seconds, be moved or be busy with others' work: time in which no goroutine
// of this process ran does not count.
type Stopwatch struct {
	stop func()

	mu    sync.Mutex
	began time.Time
	last  time.Time
	lost  time.Duration
}

// Start starts a stopwatch, which stops when the test ends if nobody stops it
// before.
func Start(tb testing.TB) *Stopwatch {
	tb.Helper()
	now, done := time.Now(), make(chan struct{})
	w := &Stopwatch{began: now, last: now, stop: sync.OnceFunc(func() { close(done) })}
	tb.Cleanup(w.stop)
	go func() {
		tick := time.NewTicker(grain)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.read()
			case <-done:
				return
			}
		}
	}()
	return w
}

// Took returns how long it is since Start, without what the machine lost.
func (w *Stopwatch) Took() time.Duration {
	now := w.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	return now.Sub(w.began) - w.lost
}

// Stop ends it; it may be called more than once.
func (w *Stopwatch) Stop() { w.stop() }

func (w *Stopwatch) read() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if gap := now.Sub(w.last); gap > late {
		w.lost += gap - grain
	}
	w.last = now
	return now
}
