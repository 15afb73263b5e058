package transport

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"carillon/sipcore/message"
)

// deliver parses one whole message and hands it over, if the gate lets it in.
func (l *Layer) deliver(f Flow, raw []byte) {
	defer l.recovered()
	now := time.Now()
	if !l.admits(f, raw, now) {
		return
	}
	l.opts.Watcher.Saw(now, f, false, raw)
	m, err := parse(f, raw)
	if err != nil {
		l.malformed(f, m, err)
		return
	}
	l.count.traffic[f.Kind()].in.Add(1)
	l.handler.Receive(f, m)
}

// parse reads a message. Where a node's message came from is known by its flow.
func parse(f Flow, raw []byte) (*message.Message, error) {
	if f.Kind() == Node {
		return message.Parse(raw)
	}
	return message.ParseFrom(raw, f.remote)
}

// unframed hands over the start of a stream that cannot be cut into messages,
// with as much of a message as can be read in it.
func (l *Layer) unframed(f Flow, start []byte, lost error) {
	defer l.recovered()
	l.opts.Watcher.Saw(time.Now(), f, false, start)
	m, _ := parse(f, start) // why it is lost says more
	l.malformed(f, m, lost)
}

// malformed counts and hands over; m may be nil.
func (l *Layer) malformed(f Flow, m *message.Message, err error) {
	l.count.traffic[f.Kind()].malformed.Add(1)
	l.handler.Malformed(f, m, err)
}

// flowClosed tells the handler that a stream flow has ended.
func (l *Layer) flowClosed(f Flow) {
	defer l.recovered()
	l.handler.Closed(f)
}

// recovered, deferred around whatever acts on one message, ends a panic there.
// The log says where, but not with what: a message is nobody's but its sender's.
func (l *Layer) recovered() {
	r := recover()
	if r == nil {
		return
	}
	l.count.panics.Add(1)
	if skipped, ok := l.panics.allow(time.Now()); ok {
		l.logger.Error("a message made its handler panic; it was dropped",
			"panic", describe(r), "stack", string(debug.Stack()), "not_logged", skipped)
	}
}

// describe returns the text of the runtime's own errors and only the type of
// any other panic, whose text may quote the message.
func describe(r any) string {
	if err, ok := r.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", r)
}

// logEvery is the least time between two lines that peers can cause.
const logEvery = 10 * time.Second

// limiter lets one thing through each logEvery and counts the others.
type limiter struct {
	last    atomic.Int64 // Unix nanoseconds
	skipped atomic.Int64
}

// allow reports whether now is the time, and how many were not allowed since.
func (l *limiter) allow(now time.Time) (skipped int64, ok bool) {
	last := l.last.Load()
	if last != 0 && now.UnixNano()-last < int64(logEvery) || !l.last.CompareAndSwap(last, now.UnixNano()) {
		l.skipped.Add(1)
		return 0, false
	}
	return l.skipped.Swap(0), true
}
