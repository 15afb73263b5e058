package admin

import (
	"fmt"
	"sync"
	"time"
)

// eventsKept is how far back `carillon events` looks: a busy morning's worth,
// and about 200 kB.
const eventsKept = 1000

// An Event is something an operator may want to have heard of, in plain words.
type Event struct {
	ID   uint64    `json:"id"` // counts up by one; starts again when the node does
	Time time.Time `json:"time"`
	Node string    `json:"node"`
	Kind string    `json:"kind"` // node, registration, configuration, call, ...
	Text string    `json:"text"`
}

// Events remembers the last events of this node and lets others wait for the
// next. It is safe for concurrent use; nobody who adds ever waits for a reader.
type Events struct {
	node string

	mu   sync.Mutex
	ring []Event // the event of ID n is at n % len
	last uint64
	more chan struct{} // closed when the next event is there
}

// NewEvents returns an empty memory of the events of the node named node.
func NewEvents(node string) *Events {
	return &Events{node: node, ring: make([]Event, eventsKept), more: make(chan struct{})}
}

// Add records an event of the given kind; format and args say what happened.
func (e *Events) Add(kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	e.ring[e.last%eventsKept] = Event{ID: e.last, Time: time.Now(), Node: e.node, Kind: kind, Text: text}
	close(e.more)
	e.more = make(chan struct{})
}

// After returns the events that are still remembered and later than id, oldest
// first, and a channel that is closed when there is another one.
func (e *Events) After(id uint64) ([]Event, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last > eventsKept {
		id = max(id, e.last-eventsKept)
	}
	found := []Event{}
	for n := id + 1; n <= e.last; n++ {
		found = append(found, e.ring[n%eventsKept])
	}
	return found, e.more
}
