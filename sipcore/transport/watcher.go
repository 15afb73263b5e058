package transport

import "time"

// A Watcher sees each message as the wire has it: one received before anything
// is made of it, malformed ones included; one sent with the time at which it was
// given to the flow. It is called where messages are received and sent, by many
// goroutines at once: it must not wait, nor keep raw.
type Watcher interface {
	Saw(at time.Time, f Flow, sent bool, raw []byte)
}

// nobody watches.
type nobody struct{}

func (nobody) Saw(time.Time, Flow, bool, []byte) {}
