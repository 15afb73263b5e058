package transport

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A udpReader reads one UDP socket. It handles what comes itself, or has lanes
// help while it falls behind.
type udpReader struct {
	*udpSocket

	batch *batch
	full  int    // batches in a row that were full
	lanes *lanes // made when they are first needed
	helps bool   // the lanes have something, or get it next
}

// serve reads datagrams until the socket's reading is stopped.
func (s *udpSocket) serve() {
	r := &udpReader{udpSocket: s, batch: newBatch()}
	_ = s.raw.Read(func(fd uintptr) bool { return !r.drain(int(fd)) }) // it ends when it is told to
	if r.lanes != nil {
		r.lanes.close()
	}
}

// stopReading ends serve; sending goes on.
func (s *udpSocket) stopReading() {
	_ = s.pc.SetReadDeadline(time.Unix(1, 0)) // fails only when closed
}

// drain takes the datagrams that there are. It reports false when there is
// nothing to wait for, because the layer ends. No error of one datagram, such as
// an ICMP answer to something sent, ends reading.
func (r *udpReader) drain(fd int) bool {
	for r.layer.isRunning() {
		err := r.batch.read(fd)
		full := r.batch.got == batchSize
		r.handleAll(full)
		switch {
		case full:
		case err == nil, errors.Is(err, unix.EAGAIN):
			return true // the next one wakes us
		default:
			r.layer.count.readErrors.Add(1)
			r.layer.sleep(time.Millisecond) // it may last: a network that is down
		}
	}
	return false
}

// handleAll handles the batch, and has another one to read into when it returns.
func (r *udpReader) handleAll(full bool) {
	if r.fallsBehind(full) {
		r.batch = r.lanes.divide(r.batch)
		return
	}
	for i := range r.batch.got {
		r.handle(r.batch, i)
	}
}

// fallsBehind decides whether lanes are to help with the batch. Once they do,
// they do until they have caught up: or the reader would overtake them.
func (r *udpReader) fallsBehind(full bool) bool {
	if full {
		r.full++
	} else {
		r.full = 0
	}
	if r.helps {
		r.helps = full || !r.lanes.quiet()
	} else if r.full >= crowded {
		r.helps = r.enlist()
	}
	return r.helps
}

// enlist has lanes ready; false if there is but one core.
func (r *udpReader) enlist() bool {
	if cores := runtime.GOMAXPROCS(0); r.lanes == nil && cores > 1 {
		r.lanes = newLanes(min(cores, maxLanes), &r.layer.wg, r.handle)
	}
	return r.lanes != nil
}

// handle takes one datagram of a batch to its end.
func (s *udpSocket) handle(b *batch, i int) {
	s.receive(s.pointOf(b, i), b.source(i), b.datagram(i))
}

// pointOf returns the point that the i-th datagram came to, nil if it cannot be
// answered.
func (s *udpSocket) pointOf(b *batch, i int) *point {
	if s.only != nil {
		return s.only
	}
	to, ok := destination(b.control(i))
	if !ok || to.IsMulticast() {
		return nil
	}
	return s.point(to)
}
