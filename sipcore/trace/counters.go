package trace

import "carillon/sipcore/message"

// Counters are how many messages of each sort have passed.
type Counters struct{ Received, Sent Messages }

// Messages are counts by method and class: class 0 is requests, 1 to 6 are
// responses by the first digit of their status.
type Messages [methods][classes]uint64

const (
	methods = int(message.PUBLISH) + 1
	classes = 7
)

func (c *Counters) count(sent bool, m message.Method, class int) {
	if sent {
		c.Sent[m][class]++
	} else {
		c.Received[m][class]++
	}
}

// Counters returns the counts since the beginning.
func (r *Ring) Counters() Counters {
	var sum Counters
	for _, memory := range [...]*[lanes]band{&r.calls, &r.others} {
		for i := range memory {
			b := &memory[i]
			b.mu.Lock()
			sum.Received.add(&b.seen.Received)
			sum.Sent.add(&b.seen.Sent)
			b.mu.Unlock()
		}
	}
	return sum
}

func (m *Messages) add(other *Messages) {
	for i := range other {
		for j, n := range other[i] {
			m[i][j] += n
		}
	}
}
