package transport

import (
	"errors"
	"os"
	"time"
)

// drainPiece is how much a drainer writes before it looks whether there was
// progress; a piece must get through even a slow line within Options.Stall.
const drainPiece = 32 << 10

// drain writes what is queued until nothing is, or until writing stands still.
func (o *outbox) drain() {
	for {
		batch := o.takeBatch()
		if batch == nil {
			return
		}
		if err := o.writeAll(batch); err != nil {
			o.giveUp(err)
			return
		}
	}
}

// takeBatch takes all that is queued; nil ends the drainer.
func (o *outbox) takeBatch() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch := o.queue
	o.queue = nil
	if batch == nil {
		o.restLocked()
	}
	return batch
}

// restLocked says that the drainer is gone; the next send is direct again.
func (o *outbox) restLocked() {
	close(o.drained)
	o.drained = nil
}

// writeAll writes b, for as long as there is progress.
func (o *outbox) writeAll(b []byte) error {
	for len(b) > 0 {
		o.writeSoon()
		n, err := o.nc.Write(b[:min(len(b), drainPiece)])
		o.wrote(n)
		b = b[n:]
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err //nolint:wrapcheck // it is the reason of the flow's end
		case n == 0:
			return errStalled
		}
	}
	return nil
}

// writeSoon gives the next piece its time.
func (o *outbox) writeSoon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	by := time.Now().Add(o.stall)
	if o.err != nil && o.until.Before(by) {
		by = o.until
	}
	_ = o.nc.SetWriteDeadline(by) // fails only when closed
}

// wrote makes room for n bytes.
func (o *outbox) wrote(n int) {
	o.held.give(n)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued -= n
}

// giveUp drops what is queued and ends the connection.
func (o *outbox) giveUp(reason error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held.give(o.queued)
	o.queue, o.queued = nil, 0
	_ = o.killLocked(reason)
	o.restLocked()
}
