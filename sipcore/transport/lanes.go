package transport

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
)

const (
	// maxLanes is the most cores that handle what one socket brings.
	maxLanes = 8
	// crowded is how many full batches in a row say that the reader falls behind.
	crowded = 4
)

// lanes handle the datagrams of a socket while they are more than its reader can
// handle alone. Those of one sender take the same lane, so that each flow keeps
// its order. Lane 0 is the reader itself. Without need nothing is divided: to
// wake others costs more than to handle a message.
type lanes struct {
	handle func(b *batch, i int)
	seed   maphash.Seed
	others []chan *batch
	idle   chan *batch // those that no lane has, but for the one that the reader has
}

// newLanes returns n lanes, of which all but lane 0 run in wg until close.
func newLanes(n int, wg *sync.WaitGroup, handle func(b *batch, i int)) *lanes {
	l := &lanes{handle: handle, seed: maphash.MakeSeed(), idle: make(chan *batch, 2*n)}
	for range cap(l.idle) - 1 { // the reader has one
		l.idle <- newBatch()
	}
	for lane := uint8(1); int(lane) < n; lane++ {
		in := make(chan *batch, cap(l.idle)) // so that nobody waits to put one in
		l.others = append(l.others, in)
		wg.Go(func() {
			for b := range in {
				l.take(lane, b)
			}
		})
	}
	return l
}

func (l *lanes) close() {
	for _, in := range l.others {
		close(in)
	}
}

// divide handles b, in part here and in part on other lanes, which may still be
// at it when divide returns an idle batch. It waits for one while there is none.
func (l *lanes) divide(b *batch) *batch {
	used := uint(1)
	for i := range b.got {
		b.lane[i] = l.of(b.source(i))
		used |= 1 << b.lane[i]
	}
	b.users.Store(int32(bits.OnesCount(used))) //nolint:gosec // at most maxLanes
	for i, in := range l.others {
		if used>>(i+1)&1 != 0 {
			in <- b
		}
	}
	l.take(0, b)
	return <-l.idle
}

// of returns the lane of a sender.
func (l *lanes) of(from netip.AddrPort) uint8 {
	return uint8(maphash.Comparable(l.seed, from) % uint64(len(l.others)+1)) //nolint:gosec // at most maxLanes
}

// take handles what b has for one lane. The last to do so makes b idle.
func (l *lanes) take(lane uint8, b *batch) {
	for i := range b.got {
		if b.lane[i] == lane {
			l.handle(b, i)
		}
	}
	if b.users.Add(-1) == 0 {
		l.idle <- b
	}
}

// quiet reports whether no other lane has anything to do, to the reader, which
// has one batch in its hands.
func (l *lanes) quiet() bool { return len(l.idle) == cap(l.idle)-1 }
