package resolve

import (
	"slices"
	"sync"
	"time"
)

const (
	deadFor = 30 * time.Second
	maxDead = 1024 // remembered; a full memory forgets all
)

// dead remembers which hops could not be reached lately (RFC 3263 section 4.3
// tries each target anew; a phone should not wait for the same dead one with
// each call).
type dead struct {
	mu    sync.Mutex
	until map[Hop]time.Time
}

func newDead() *dead { return &dead{until: map[Hop]time.Time{}} }

func (d *dead) add(h Hop, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.until) >= maxDead {
		clear(d.until)
	}
	d.until[h] = now.Add(deadFor)
}

func (d *dead) remove(h Hop) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.until, h)
}

func (d *dead) has(h Hop, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rankLocked(h, now) > 0
}

// toBack moves the dead behind the living and keeps the order of both.
func (d *dead) toBack(hops []Hop, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.SortStableFunc(hops, func(a, b Hop) int {
		return d.rankLocked(a, now) - d.rankLocked(b, now)
	})
}

func (d *dead) rankLocked(h Hop, now time.Time) int {
	if now.Before(d.until[h]) {
		return 1
	}
	return 0
}
