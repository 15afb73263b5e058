package session

import "time"

// A budget is how many bytes a line may carry for the sessions of its two ends,
// both ways together, as the line sees them: headers, acknowledgements and all. It
// has no clock and no lock.
//
//   - In no budgetWindow is there leave for more than the budget. What a pause saved
//     up counts twice, because both ends may spend it before they hear of each other.
//   - What goes beside a session, unasked, is not charged: something is set aside for
//     it, which hellos and the rings do not reach.
//   - What came over the line anyway is charged when it is known. It is owed for a
//     second at most: who was cut off does not wait for what connecting has cost.
//
// The zero budget has no bound.
type budget struct {
	rate  float64   // bytes a second; 0: no bound
	depth float64   // the most that a pause saves up
	level float64   // what may go now; below 0 it is owed
	at    time.Time // of level
}

const (
	budgetWindow = 5 * time.Second
	budgetAside  = 3000.0 // bytes in a window; a ring compares who is there with about 2,400
	leastDepth   = 600.0  // bytes, of which a half is worth its headers
	leastBudget  = 8      // kbit/s
)

// newBudget returns a budget of so many kbit/s, 0 for no bound, that nothing was
// taken from yet.
func newBudget(kbits int, now time.Time) budget {
	if kbits <= 0 {
		return budget{}
	}
	whole := float64(max(kbits, leastBudget)) * 1000 / 8
	window := whole * budgetWindow.Seconds()
	b := budget{depth: max(whole*batchDelay.Seconds(), leastDepth), at: now}
	b.rate = (window - min(budgetAside, window/3) - 2*b.depth) / budgetWindow.Seconds()
	b.level = b.depth
	return b
}

func (b *budget) bounded() bool { return b.rate > 0 }

// grow brings level to an instant; earlier ones change nothing.
func (b *budget) grow(now time.Time) {
	if now.After(b.at) {
		b.level = min(b.level+b.rate*now.Sub(b.at).Seconds(), b.depth)
		b.at = now
	}
}

// charge takes what the line has carried.
func (b *budget) charge(now time.Time, bytes int) {
	if b.bounded() {
		b.grow(now)
		b.level = max(b.level-float64(bytes), -max(b.rate, b.depth))
	}
}

// room returns how many bytes may go now, below 0 if some are owed.
func (b *budget) room(now time.Time) int {
	b.grow(now)
	return int(b.level)
}

// advance returns the same for what is small and does not wait for what is large: it
// may owe half of what a pause saves up. That adds nothing to what both ends can
// spend at once.
func (b *budget) advance(now time.Time) int {
	b.grow(now)
	return int(max(b.level, min(b.depth, b.depth+2*b.level)/2))
}

// full returns how long it takes until there is room for all that a pause saves up.
func (b *budget) full(now time.Time) time.Duration { return b.wait(now, b.depth) }

// small returns how long it takes until there is an advance of so many bytes, half of
// what a pause saves up at most.
func (b *budget) small(now time.Time, bytes int) time.Duration {
	return b.wait(now, min(float64(bytes), b.depth/2)-b.depth/2)
}

// wait returns how long it takes to get to a level.
func (b *budget) wait(now time.Time, level float64) time.Duration {
	if !b.bounded() {
		return 0
	}
	b.grow(now)
	lacking := level - b.level
	if lacking <= 0 {
		return 0
	}
	return time.Duration(lacking/b.rate*float64(time.Second)) + time.Millisecond
}

// What the line adds to what is written at once: IPv4 and TCP with timestamps to
// each segment and to each acknowledgement, which comes for every second one, and
// TLS 1.3 to the record.
const (
	segmentHead = 20 + 32
	segmentSize = 1448
	recordHead  = 22
)

// onLine returns what it costs to write so many bytes at once.
func onLine(bytes int) int {
	segments := (bytes + recordHead + segmentSize - 1) / segmentSize
	return bytes + recordHead + segments*segmentHead + (segments+1)/2*segmentHead
}

// payload returns how many bytes can be written at once for so many on the line; 0
// or less if there is no room for any.
func payload(room int) int {
	const pair = 2*segmentSize + 3*segmentHead // two segments and what acknowledges them
	bytes, rest := room/pair*2*segmentSize, room%pair
	if first := rest - 2*segmentHead; first > 0 {
		bytes += min(first, segmentSize) + max(first-segmentSize-segmentHead, 0)
	}
	return bytes - recordHead
}
