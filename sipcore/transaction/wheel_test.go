package transaction

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bell notes when its timer expired.
type bell struct {
	mu    sync.Mutex
	timer Timer
	rang  []time.Duration
	start time.Time
}

func (b *bell) Expire(*Timer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer.Expired() {
		b.rang = append(b.rang, time.Since(b.start))
	}
}

func (b *bell) set(w *Wheel, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Set(w, d, b)
}

func (b *bell) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
}

// A bubble is a test under the clock of synctest, with a wheel that turns.
type bubble struct {
	*testing.T
	wheel *Wheel
}

func inBubble(t *testing.T, f func(t *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := NewWheel()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = w.Run(ctx) })
		defer running.Wait()
		defer cancel()
		f(&bubble{t, w})
	})
}

func TestTimerExpiresOnTime(t *testing.T) {
	const oneTurn = wheelSlots * tickLength
	for _, d := range []time.Duration{
		0, time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond, 500 * time.Millisecond, 32 * time.Second,
		oneTurn - tickLength, oneTurn, oneTurn + tickLength, 185 * time.Second, 30 * time.Minute, 26 * time.Hour,
	} {
		t.Run(d.String(), func(t *testing.T) {
			inBubble(t, func(t *bubble) {
				time.Sleep(3 * time.Millisecond) // not on a tick
				b := &bell{start: time.Now()}
				b.set(t.wheel, d)
				time.Sleep(d + 2*tickLength)
				synctest.Wait()
				if len(b.rang) != 1 || b.rang[0] < d || b.rang[0] > d+tickLength {
					t.Errorf("rang at %v, want once, %v to a tick later", b.rang, d)
				}
				if t.wheel.Len() != 0 {
					t.Errorf("%d timers left", t.wheel.Len())
				}
			})
		})
	}
}

func TestTimerStoppedOrSetAgain(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *Wheel, b *bell)
		want []time.Duration
	}{
		{"stopped", func(w *Wheel, b *bell) { b.set(w, time.Second); b.stop() }, nil},
		{"stopped twice", func(w *Wheel, b *bell) { b.set(w, time.Second); b.stop(); b.stop() }, nil},
		{"stopped unset", func(_ *Wheel, b *bell) { b.stop() }, nil},
		{"later", func(w *Wheel, b *bell) { b.set(w, time.Second); b.set(w, 2*time.Second) }, []time.Duration{2 * time.Second}},
		{"earlier", func(w *Wheel, b *bell) { b.set(w, 9*time.Second); b.set(w, time.Second) }, []time.Duration{time.Second}},
		{"same slot, another turn", func(w *Wheel, b *bell) {
			b.set(w, time.Second+wheelSlots*tickLength)
			b.set(w, time.Second)
		}, []time.Duration{time.Second}},
		{"again after it rang", func(w *Wheel, b *bell) {
			b.set(w, time.Second)
			time.Sleep(2 * time.Second)
			b.set(w, time.Second)
		}, []time.Duration{time.Second, 3 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *bubble) {
				b := &bell{start: time.Now()}
				test.do(t.wheel, b)
				time.Sleep(2 * wheelSlots * tickLength)
				synctest.Wait()
				if fmt.Sprint(b.rang) != fmt.Sprint(test.want) {
					t.Errorf("rang at %v, want %v", b.rang, test.want)
				}
			})
		})
	}
}

// An expiry under way when the owner, who holds the lock, stops its timer or
// sets it again must not count.
func TestStaleExpiryDoesNotCount(t *testing.T) {
	for name, change := range map[string]func(w *Wheel, b *bell){
		"stopped":   func(_ *Wheel, b *bell) { b.timer.Stop() },
		"set again": func(w *Wheel, b *bell) { b.timer.Set(w, time.Hour, b) },
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWheel()
			b := &bell{start: time.Now()}
			b.set(w, 0)
			shard := b.timer.shard
			batch := shard.collect(b.timer.tick, nil)
			if len(batch) != 1 || b.timer.Armed() {
				t.Fatalf("collected %d expiries, armed %v, want 1, false", len(batch), b.timer.Armed())
			}
			change(w, b)
			batch[0].owner.Expire(batch[0].timer)
			if len(b.rang) != 0 {
				t.Error("the stale expiry counted")
			}
		})
	}
}

// The wheel does not wake up while nothing is due.
func TestWheelSleeps(t *testing.T) {
	inBubble(t, func(t *bubble) {
		synctest.Wait()
		if got := t.wheel.wake.Load(); got != planning {
			t.Errorf("empty wheel wakes at tick %d, want never", got)
		}
		b := &bell{start: time.Now()}
		b.set(t.wheel, 20*time.Second)
		synctest.Wait()
		if got := t.wheel.wake.Load(); got != 2000 {
			t.Errorf("wakes at tick %d, want 2000", got)
		}
		b.set(t.wheel, 5*time.Second)
		synctest.Wait()
		if got := t.wheel.wake.Load(); got != 500 {
			t.Errorf("wakes at tick %d after an earlier timer, want 500", got)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got := t.wheel.wake.Load(); got != planning || len(b.rang) != 1 {
			t.Errorf("wakes at tick %d, rang %d times; want never, once", got, len(b.rang))
		}
	})
}

// After a long stop of the process each timer rings once.
func TestWheelCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWheel()
		bells := make([]*bell, 100)
		for i := range bells {
			bells[i] = &bell{start: time.Now()}
			bells[i].set(w, time.Duration(i)*3*time.Second)
		}
		time.Sleep(10 * time.Minute) // nobody turns the wheel
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = w.Run(ctx) })
		synctest.Wait()
		for i, b := range bells {
			if len(b.rang) != 1 {
				t.Errorf("timer %d rang %d times, want once", i, len(b.rang))
			}
		}
		cancel()
		running.Wait()
	})
}

type bomb struct{ timer Timer }

func (b *bomb) Expire(*Timer) { panic("boom") }

func TestWheelSurvivesPanic(t *testing.T) {
	inBubble(t, func(t *bubble) {
		b, after := &bomb{}, &bell{start: time.Now()}
		b.timer.Set(t.wheel, time.Second, b)
		after.set(t.wheel, 2*time.Second)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(after.rang) != 1 || t.wheel.panics.count.Load() != 1 {
			t.Errorf("rang %d times after %d panics, want 1, 1", len(after.rang), t.wheel.panics.count.Load())
		}
	})
}

// Many goroutines set and stop timers while the wheel turns in real time: each
// that is left alone rings exactly once, and none is lost.
func TestWheelUnderLoad(t *testing.T) {
	w := NewWheel()
	ctx, cancel := context.WithCancel(t.Context())
	var running, work sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	rang := make(chan *ringer, 4096)
	for range 8 {
		work.Go(func() {
			for range 500 {
				r := &ringer{rang: rang}
				r.mu.Lock()
				for range rand.IntN(4) {
					r.timer.Set(w, time.Duration(rand.IntN(50))*time.Millisecond, r)
					if rand.IntN(2) == 0 {
						r.timer.Stop()
					}
				}
				r.timer.Set(w, time.Duration(rand.IntN(300))*time.Millisecond, r)
				r.mu.Unlock()
			}
		})
	}
	work.Wait()
	seen := make(map[*ringer]bool)
	for range 8 * 500 {
		r := <-rang
		if seen[r] {
			t.Fatal("a timer rang twice")
		}
		seen[r] = true
	}
	cancel()
	running.Wait()
	if w.Len() != 0 {
		t.Errorf("%d timers left", w.Len())
	}
}

type ringer struct {
	mu    sync.Mutex
	timer Timer
	rang  chan *ringer
}

func (r *ringer) Expire(*Timer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer.Expired() {
		r.rang <- r
	}
}

func BenchmarkTimerSetStop(b *testing.B) {
	w := NewWheel()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var x bell
		for pb.Next() {
			x.timer.Set(w, 500*time.Millisecond, &x)
			x.timer.Stop()
		}
	})
}
