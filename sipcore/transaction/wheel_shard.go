package transaction

import (
	"math"
	"math/bits"
	"sync"
)

// wheelSlots is a power of two: 4096 slots of 10 ms are 41 s, so that no timer
// of RFC 3261 but timer C waits for a second turn.
const (
	wheelSlots = 4096
	slotMask   = wheelSlots - 1
	slotWords  = wheelSlots / 64
)

// A wheelShard is one of the wheel's parts. A timer due at tick n hangs in slot
// n mod wheelSlots.
type wheelShard struct {
	wheel *Wheel

	mu    sync.Mutex
	count int
	done  int64             // what was due at this tick or earlier has been collected
	used  [slotWords]uint64 // bit n: slot n is not empty
	slots [wheelSlots]*Timer
}

// An expiry is a timer that is due, with the owner it had then.
type expiry struct {
	timer *Timer
	owner Expirer
}

func (s *wheelShard) set(t *Timer, tick int64, owner Expirer) {
	s.mu.Lock()
	if t.state == waiting {
		s.unlink(t)
	}
	tick = max(tick, s.done+1)
	t.tick, t.state, t.owner = tick, waiting, owner
	s.link(t)
	s.mu.Unlock()
	s.wheel.rouse(tick)
}

func (s *wheelShard) stop(t *Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.state == waiting {
		s.unlink(t)
	}
	t.state = idle
}

func (s *wheelShard) stateOf(t *Timer) timerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.state
}

// take makes a due timer idle; false if it is not due.
func (s *wheelShard) take(t *Timer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.state != due {
		return false
	}
	t.state = idle
	return true
}

func (s *wheelShard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// next returns the tick of the first slot in use, or planning.
func (s *wheelShard) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 {
		return planning
	}
	return s.nextUsed(s.done + 1)
}

// collect takes all timers out that are due at tick now.
func (s *wheelShard) collect(now int64, batch []expiry) []expiry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count > 0 {
		from := max(s.done+1, now-wheelSlots+1) // after a long stop one turn sees all
		for tick := s.nextUsed(from); tick <= now; tick = s.nextUsed(tick + 1) {
			batch = s.empty(s.slots[tick&slotMask], now, batch)
		}
	}
	s.done = max(s.done, now)
	return batch
}

// empty takes what is due out of the slot that begins with t, and leaves what
// waits for a later turn.
func (s *wheelShard) empty(t *Timer, now int64, batch []expiry) []expiry {
	for t != nil {
		next := t.next
		if t.tick <= now {
			s.unlink(t)
			t.state = due
			batch = append(batch, expiry{t, t.owner})
		}
		t = next
	}
	return batch
}

// nextUsed returns the first tick from the given one on whose slot is not
// empty; math.MaxInt64 when there is none.
func (s *wheelShard) nextUsed(from int64) int64 {
	slot := int(from & slotMask)
	word := slot / 64
	set := s.used[word] &^ (1<<(slot%64) - 1)
	for i := 0; ; i++ {
		if set != 0 {
			found := (word*64 + bits.TrailingZeros64(set) - slot) & slotMask
			return from + int64(found)
		}
		if i == slotWords {
			return math.MaxInt64
		}
		word = (word + 1) % slotWords
		set = s.used[word]
	}
}

func (s *wheelShard) link(t *Timer) {
	slot := t.tick & slotMask
	first := s.slots[slot]
	if first == nil {
		s.used[slot/64] |= 1 << (slot % 64)
	} else {
		first.prev = t
	}
	t.next, t.prev = first, nil
	s.slots[slot] = t
	s.count++
}

func (s *wheelShard) unlink(t *Timer) {
	slot := t.tick & slotMask
	if t.prev != nil {
		t.prev.next = t.next
	} else if s.slots[slot] = t.next; t.next == nil {
		s.used[slot/64] &^= 1 << (slot % 64)
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev = nil, nil
	s.count--
}
