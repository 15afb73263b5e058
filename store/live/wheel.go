package live

import "time"

// A wheel finds the entries that have ended without looking at the others. An
// entry lies in the bucket of the second at which it was to end when it was
// put there. A refresh only moves the deadline: the entry is moved when its
// bucket comes round, so that refreshing costs the wheel nothing.
type wheel struct {
	buckets [buckets]*entry
	swept   int64 // the last second that was looked at
}

// buckets is a power of two: a turn takes about four minutes, so an hour's
// binding is looked at fifteen times.
const buckets = 256

// schedule puts e where its end will be noticed in time.
func (w *wheel) schedule(e *entry) {
	if e.ends == 0 {
		w.cancel(e)
		return
	}
	if e.onWheel && w.comesInTime(e) {
		return
	}
	w.cancel(e)
	w.insert(e)
}

// comesInTime reports whether the bucket of e comes round before e ends.
func (w *wheel) comesInTime(e *entry) bool {
	turn := (int64(e.bucket) - w.swept - 1) & (buckets - 1) // seconds until it is swept, less one
	return w.swept+1+turn <= second(e.ends)
}

func (w *wheel) insert(e *entry) {
	at := max(second(e.ends), w.swept+1)
	e.bucket = uint8(at & (buckets - 1))
	e.onWheel = true
	e.dueNext = w.buckets[e.bucket]
	if e.dueNext != nil {
		e.dueNext.duePrev = e
	}
	w.buckets[e.bucket] = e
}

func (w *wheel) cancel(e *entry) {
	if !e.onWheel {
		return
	}
	if e.dueNext != nil {
		e.dueNext.duePrev = e.duePrev
	}
	if e.duePrev != nil {
		e.duePrev.dueNext = e.dueNext
	} else {
		w.buckets[e.bucket] = e.dueNext
	}
	e.duePrev, e.dueNext, e.onWheel = nil, nil, false
}

// sweep calls ended for every entry that has ended by now (ns since the
// table's base). ended must take the entry off the wheel.
func (w *wheel) sweep(now int64, ended func(*entry)) {
	last := now / int64(time.Second)
	for at := max(w.swept+1, last-buckets+1); at <= last; at++ {
		w.swept = at
		w.sweepBucket(w.buckets[at&(buckets-1)], now, ended)
	}
}

func (w *wheel) sweepBucket(e *entry, now int64, ended func(*entry)) {
	for e != nil {
		next := e.dueNext
		if e.ends <= now {
			ended(e)
		} else {
			w.cancel(e)
			w.insert(e)
		}
		e = next
	}
}

// second is the first whole second at which something that ends at ns has
// ended.
func second(ns int64) int64 { return (ns + int64(time.Second) - 1) / int64(time.Second) }
