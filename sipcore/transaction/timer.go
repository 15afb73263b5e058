package transaction

import "time"

// An Expirer owns a timer.
type Expirer interface {
	// Expire is called by the wheel without any lock. The owner takes its own
	// lock and asks [Timer.Expired] before it acts.
	Expire(t *Timer)
}

// A Timer is a place on a [Wheel], to be embedded in what waits: arming it
// allocates nothing. The zero Timer is idle. Its methods must be called with
// its owner's lock held. It must not be copied once armed.
type Timer struct {
	next, prev *Timer // in the slot; nil prev: first
	shard      *wheelShard
	owner      Expirer
	tick       int64
	state      timerState
}

type timerState uint8

const (
	idle    timerState = iota
	waiting            // in a slot
	due                // out of its slot, Expire is about to be called
)

// Set arms t, whether or not it was armed before: d from now, rounded up to the
// wheel's tick, owner's Expire is called. A Timer stays on the wheel that it was
// first set on.
func (t *Timer) Set(w *Wheel, d time.Duration, owner Expirer) {
	if t.shard == nil {
		t.shard = w.pick()
	}
	t.shard.set(t, t.shard.wheel.after(d), owner)
}

// Stop disarms t. An expiry that is on its way already does not count any more.
func (t *Timer) Stop() {
	if t.shard != nil {
		t.shard.stop(t)
	}
}

// Armed reports whether t waits for a time to come.
func (t *Timer) Armed() bool {
	return t.shard != nil && t.shard.stateOf(t) == waiting
}

// Expired reports whether the expiry that the wheel is telling of counts: the
// timer was neither stopped nor set again since. It reports it once.
func (t *Timer) Expired() bool {
	return t.shard != nil && t.shard.take(t)
}
