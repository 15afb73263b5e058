package transport

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outbox sends on one connection without ever blocking the sender. While
// nothing is queued a message is written on the spot; what the kernel does not
// take is queued, and a drainer, a goroutine that lives as long as the queue,
// writes it. Order is kept because nothing is written directly meanwhile.
//
// It ends once: gently (end), when what is queued may still leave, or at once
// (killed). Either way the reader wakes, and closes the connection.
type outbox struct {
	nc    net.Conn
	raw   syscall.RawConn // nil: everything is queued
	limit int             // of queued
	stall time.Duration   // without progress
	held  *held
	wg    *sync.WaitGroup // of the layer; never 0 here, for the reader is in it
	ended atomic.Bool     // err is set

	mu      sync.Mutex // guards all below, and the connection's deadlines
	queue   []byte     // for the drainer's next turn
	queued  int        // bytes in queue and in the drainer's hands
	drained chan struct{}
	err     error     // the answer to every further send
	killed  error     // why nothing more leaves
	until   time.Time // of what is queued, once ended

	gathered []byte   // what waits for letGo; nil when sending is direct
	buffers  *buffers // where its memory is from

	write   func(fd uintptr) // inKernel, made once
	pending []byte           // its argument
	failed  error            // its result
}

func newOutbox(nc net.Conn, raw syscall.RawConn, l *Layer) *outbox {
	o := &outbox{
		nc: nc, raw: raw, limit: l.opts.QueueBytes, stall: l.opts.Stall, held: &l.held, wg: &l.wg, buffers: &l.buffers,
	}
	o.write = o.inKernel
	return o
}

// send writes or queues b.
func (o *outbox) send(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.err != nil:
		return o.err
	case o.gathered == nil:
		return o.leaveLocked(b)
	case len(o.gathered)+len(b) > cap(o.gathered):
		if err := o.letGoLocked(); err != nil {
			return err
		}
		return o.leaveLocked(b)
	}
	o.gathered = append(o.gathered, b...)
	return nil
}

// gather has what is sent wait for letGo, if it is little.
func (o *outbox) gather() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gathered = o.buffers.get()[:0]
}

// letGo sends what was gathered, in one piece.
func (o *outbox) letGo() {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.letGoLocked() // it ends the flow, and the reader sees that
	o.buffers.put(o.gathered[:cap(o.gathered)])
	o.gathered = nil
}

func (o *outbox) letGoLocked() error {
	b := o.gathered
	o.gathered = b[:0]
	if o.killed != nil {
		return o.killed
	}
	return o.leaveLocked(b)
}

// leaveLocked writes or queues b.
func (o *outbox) leaveLocked(b []byte) error {
	if o.drained == nil && o.raw != nil {
		var err error
		if b, err = o.tryLocked(b); err != nil {
			return o.killLocked(err)
		}
	}
	if len(b) == 0 {
		return nil
	}
	return o.queueLocked(b)
}

// tryLocked writes what the kernel takes at once and returns what is left.
func (o *outbox) tryLocked(b []byte) ([]byte, error) {
	o.pending, o.failed = b, nil
	err := o.raw.Control(o.write)
	b, o.pending = o.pending, nil
	if err == nil {
		err = o.failed
	}
	return b, err //nolint:wrapcheck // it is the reason of the flow's end
}

// inKernel runs with the descriptor held open, and never waits.
func (o *outbox) inKernel(fd uintptr) {
	for len(o.pending) > 0 {
		n, err := writeNow(int(fd), o.pending)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				o.failed = err
			}
			return
		}
		o.pending = o.pending[n:]
	}
}

// queueLocked keeps a copy of b for the drainer, and starts one if need be.
func (o *outbox) queueLocked(b []byte) error {
	if o.queued+len(b) > o.limit {
		return o.killLocked(ErrFull)
	}
	if !o.held.take(len(b)) {
		return o.killLocked(errMemory)
	}
	o.queue = append(o.queue, b...)
	o.queued += len(b)
	if o.drained == nil {
		o.drained = make(chan struct{})
		o.wg.Go(o.drain)
	}
	return nil
}

// end refuses what is sent from now on and wakes the reader. What is queued has
// until the deadline to leave.
func (o *outbox) end(until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	o.err, o.until = ErrClosed, until
	o.ended.Store(true)
	_ = o.nc.SetReadDeadline(longAgo()) // these fail only when closed
	_ = o.nc.SetWriteDeadline(until)
}

// kill stops everything at once.
func (o *outbox) kill(reason error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.killLocked(reason) // the caller knows it
}

// killLocked stops everything at once and returns the reason.
func (o *outbox) killLocked(reason error) error {
	if o.killed == nil {
		o.killed = reason
	}
	if o.err == nil {
		o.err = ErrClosed
	}
	o.until = longAgo()
	o.ended.Store(true)
	_ = o.nc.SetDeadline(longAgo()) // fails only when closed
	return reason
}

// whyKilled returns why nothing more leaves, nil if that is not so.
func (o *outbox) whyKilled() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.killed
}

// readBy bounds the reader's wait, unless the outbox has ended and woken it.
// The zero time is no bound.
func (o *outbox) readBy(t time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		_ = o.nc.SetReadDeadline(t) // fails only when closed
	}
}

// flush waits, after end, until nothing is queued any more.
func (o *outbox) flush() {
	o.mu.Lock()
	drained := o.drained
	o.mu.Unlock()
	if drained != nil {
		<-drained
	}
}
