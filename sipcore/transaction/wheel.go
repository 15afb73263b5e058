package transaction

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	tickLength  = 10 * time.Millisecond
	wheelShards = 8
	maxBatch    = 4096 // expiries that a shard keeps room for between ticks
)

// A Wheel is a hashed timing wheel in shards, each with its own lock. Timers
// expire up to one tick of 10 ms late, never early. It sleeps until the next
// slot that is in use, for ever when none is.
type Wheel struct {
	base   time.Time
	wake   atomic.Int64 // the tick that Run sleeps for; see rest
	kick   chan struct{}
	panics panics
	shards [wheelShards]wheelShard
}

// Values of Wheel.wake while Run is awake.
const (
	firing   = math.MinInt64 // looks at all slots later: nobody need kick
	planning = math.MaxInt64 // looks at the slots now: everybody must
)

// NewWheel returns an empty wheel. It starts nothing.
func NewWheel() *Wheel {
	w := &Wheel{base: time.Now(), kick: make(chan struct{}, 1)}
	w.wake.Store(firing)
	for i := range w.shards {
		w.shards[i].wheel = w
	}
	return w
}

// Run lets timers expire until ctx ends; then it returns nil. It calls owners
// one after the other; they must not wait. A panic of theirs ends there. It must
// run once only.
func (w *Wheel) Run(ctx context.Context) error {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	var batch []expiry
	for {
		w.wake.Store(firing)
		batch = w.fire(batch)
		if !w.rest(ctx, alarm) {
			return nil
		}
	}
}

// Len returns how many timers are armed.
func (w *Wheel) Len() int {
	n := 0
	for i := range w.shards {
		n += w.shards[i].len()
	}
	return n
}

// fire calls the owners of all timers that are due. It returns batch for the
// next time.
func (w *Wheel) fire(batch []expiry) []expiry {
	now := w.now()
	for i := range w.shards {
		batch = w.shards[i].collect(now, batch[:0])
		for _, e := range batch {
			w.panics.call(e)
		}
		clear(batch)
	}
	if cap(batch) > maxBatch {
		return nil
	}
	return batch
}

// rest sleeps until the next slot in use. It returns false when ctx ended.
//
// A Set that comes after its shard was looked at reads either planning, and
// kicks, or the tick that Run is going to sleep for, and kicks if it is earlier.
func (w *Wheel) rest(ctx context.Context, alarm *time.Timer) bool {
	w.wake.Store(planning)
	next := int64(planning)
	for i := range w.shards {
		next = min(next, w.shards[i].next())
	}
	w.wake.Store(next)
	if next == planning {
		alarm.Stop()
	} else {
		alarm.Reset(time.Until(w.base.Add(time.Duration(next) * tickLength)))
	}
	select {
	case <-ctx.Done():
		return false
	case <-alarm.C:
	case <-w.kick:
	}
	return true
}

// rouse wakes Run if it sleeps beyond tick.
func (w *Wheel) rouse(tick int64) {
	if tick >= w.wake.Load() {
		return
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// now returns the last tick that has begun.
func (w *Wheel) now() int64 { return int64(time.Since(w.base) / tickLength) }

// after returns the first tick that is not earlier than d from now.
func (w *Wheel) after(d time.Duration) int64 {
	return int64((time.Since(w.base) + max(d, 0) + tickLength - 1) / tickLength)
}

// until returns how long it is until tick, 0 if that has passed.
func (w *Wheel) until(tick int64) time.Duration {
	return max(0, time.Duration(tick)*tickLength-time.Since(w.base))
}

func (w *Wheel) pick() *wheelShard {
	return &w.shards[rand.Uint32()%wheelShards] //nolint:gosec // spreads load, keeps no secret
}
