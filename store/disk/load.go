package disk

import (
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"carillon/store/live"
)

// This file reads the bindings after a start, beside the traffic that there may
// already be: a batch at a time, the newest first, so that the first record of a
// key is the one that counts, and what is written meanwhile counts more.

// A Restorer takes bindings back: [live.Bindings].
type Restorer interface {
	// Restore puts a binding back, and returns false when it is not wanted any
	// more.
	Restore(x live.Binding) bool
	// Restored says that there are no more.
	Restored()
}

// unread is what is left to load.
type unread struct {
	next  uint64    // number of the batch to read next; then those below
	seen  []written // the newest first
	alive time.Time // the node was at least until then
	bad   int       // records that make no sense
}

// survey checks every batch, so that a damaged file is known before anything of
// it is believed, and finds out when the node wrote last.
func (b *Bindings) survey(db *bbolt.DB) error {
	b.ledger, b.last, b.unread = newLedger(), 0, &unread{}
	bad := 0
	err := db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(bucketBatches())
		if err != nil {
			return err
		}
		return bucket.ForEach(func(key, value []byte) error {
			b.last = number(key)
			if x := batch(value); x.check() != nil {
				bad++
			} else if beat, ok := x.beat(); ok {
				b.unread.alive = beat.Add(beatEvery)
			}
			return nil
		})
	})
	b.unread.next = b.last
	if bad > 0 {
		b.log.Warn("batches of bindings are damaged and were left out", "batches", bad)
	}
	return err
}

// beat returns when the node wrote b, if b says so.
func (b batch) beat() (at time.Time, ok bool) {
	for r := range b.records() {
		if len(r.key) == 0 { // beatKey
			at, ok = parseBeat(r.value), true
		}
	}
	return at, ok
}

// Load restores the bindings that were on disk and may not have ended, for about
// so long. What it leaves Run goes on with.
func (b *Bindings) Load(most time.Duration, to Restorer) {
	now := time.Now()
	for end := now.Add(most); b.unread != nil && now.Before(end); now = time.Now() {
		b.loadBatch(now, to)
	}
}

// loadGently is Load for a node that serves meanwhile: it rests as long as it
// works, so that a request does not find every core busy.
func (b *Bindings) loadGently(most time.Duration, to Restorer) {
	now := time.Now()
	for end := now.Add(most); b.unread != nil && now.Before(end); now = time.Now() {
		b.loadBatch(now, to)
		time.Sleep(time.Since(now))
	}
}

// Loaded is closed when all bindings that were on disk have been restored.
func (b *Bindings) Loaded() <-chan struct{} { return b.loaded }

// loadBatch restores what is still true of one batch.
func (b *Bindings) loadBatch(now time.Time, to Restorer) {
	more := false
	err := b.db.View(func(tx *bbolt.Tx) error {
		key, value := atOrBelow(tx.Bucket(bucketBatches()).Cursor(), b.unread.next)
		if key == nil {
			return nil
		}
		n, x := number(key), batch(value)
		b.unread.next, more = n-1, n > 0
		if x.check() != nil {
			x = x[:0]
		}
		b.unread.seen = append(b.unread.seen, written{n, len(value)})
		b.ledger.addOlder(n, x, func(r record) { b.restore(r, now, to) })
		return nil
	})
	if err != nil {
		b.log.Error("bindings on disk cannot be read any more", "error", err)
	}
	if !more || err != nil {
		b.allRead(to)
	}
}

// atOrBelow finds the batch of that number, or the next older one.
func atOrBelow(c *bbolt.Cursor, n uint64) (key, value []byte) {
	key, value = c.Seek(bytesOf(n))
	switch {
	case key == nil:
		return c.Last()
	case number(key) > n:
		return c.Prev()
	}
	return key, value
}

// restore puts the binding of one record back. One that is not wanted any more
// is forgotten on disk too.
func (b *Bindings) restore(r record, now time.Time, to Restorer) {
	if len(r.key) == 0 { // beatKey
		return
	}
	key := string(r.key)
	x, err := live.ParseRecord(key, r.value)
	if err != nil {
		b.unread.bad++
	}
	alive := x.Expires.After(now) || b.unread.alive.Add(x.Granted).After(now)
	if err != nil || !alive || !to.Restore(x) {
		b.Changed(key)
	}
}

// allRead brings the ledger in order.
func (b *Bindings) allRead(to Restorer) {
	if bad := b.unread.bad; bad > 0 {
		b.log.Warn("bindings on disk that cannot be read were left out", "bindings", bad)
	}
	slices.Reverse(b.unread.seen)
	b.ledger.batches = append(b.unread.seen, b.ledger.batches...)
	b.unread = nil
	to.Restored()
	close(b.loaded)
}
