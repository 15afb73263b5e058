package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

const (
	bindingsName = "bindings.db"

	// flushEvery leaves the other half second of the promise to the disk.
	flushEvery = 400 * time.Millisecond
	// batchSize is where a flush begins another batch: large values cost no
	// more than their bytes, and small ones keep cleaning in small steps.
	batchSize = 48 << 10
	// keepBuffers bounds the memory that stays after a burst.
	keepBuffers = 8

	// beatEvery is how often the file says that the node is still there.
	beatEvery = 30 * time.Second
	// beatKey names no binding: its record says when the node last wrote.
	beatKey = ""
)

// Bindings keeps the registrations of this node on disk, a moment behind: a
// binding is there within one second of Changed. It is a log of batches in
// bbolt: a flush appends what has changed, and rewrites what is left of the
// oldest batch when too much of the file is history.
//
// A refresh is not written. Whatever is in the file was alive when the node was,
// and when that was the file says itself.
type Bindings struct {
	log *slog.Logger
	db  *bbolt.DB

	mu    sync.Mutex
	dirty map[string]struct{} // keys to write
	wake  chan struct{}       // has one element when dirty has become not empty

	// owned by OpenBindings and Load, then by Run
	ledger *ledger
	last   uint64  // number of the last batch
	unread *unread // nil when all is loaded
	loaded chan struct{}
	spare  map[string]struct{}
	buffer []batch
	record []byte
}

// OpenBindings opens bindings.db in dir, or creates it. A file that cannot be
// read is set aside, because phones that register again are worth more than a
// node that does not start.
func OpenBindings(dir string, logger *slog.Logger) (*Bindings, error) {
	b := &Bindings{
		log: logger, dirty: make(map[string]struct{}), spare: make(map[string]struct{}),
		wake: make(chan struct{}, 1), loaded: make(chan struct{}),
	}
	path := filepath.Join(dir, bindingsName)
	db, err := open(path, b.survey)
	if err != nil && !errors.Is(err, ErrInUse) && isThere(path) {
		aside := path + ".damaged"
		logger.Error("bindings cannot be read: set aside, phones will come back as they register",
			"error", err, "kept_as", aside)
		if err = os.Rename(path, aside); err == nil {
			db, err = open(path, b.survey)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	b.db = db
	return b, nil
}

func isThere(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Close closes the file. Run has written what had changed when it returned.
func (b *Bindings) Close() error {
	if err := b.db.Close(); err != nil {
		return fmt.Errorf("closing bindings: %w", err)
	}
	return nil
}

// Changed notes that the binding of key was set, changed or removed. It never
// blocks on the disk, and is meant for [live.Bindings.OnChange].
func (b *Bindings) Changed(key string) {
	b.mu.Lock()
	wasEmpty := len(b.dirty) == 0
	b.dirty[key] = struct{}{}
	b.mu.Unlock()
	if wasEmpty {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// Run loads what Load has left, and writes what changes until ctx ends, and then
// what is still unwritten. read appends the record of a key to dst, or returns
// false when there is no such binding any more ([live.Bindings.AppendRecord]).
func (b *Bindings) Run(ctx context.Context, read reader, to Restorer) error {
	for b.unread != nil && ctx.Err() == nil {
		b.loadGently(flushEvery, to)
		b.tryFlush(read)
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), b.flush(read))
		case <-beat.C:
			if b.ledger.live > 0 {
				b.Changed(beatKey)
			}
			continue
		case <-b.wake:
		}
		b.tryFlush(read)
		select {
		case <-ctx.Done():
		case <-time.After(flushEvery):
		}
	}
}

func (b *Bindings) tryFlush(read reader) {
	if err := b.flush(read); err != nil {
		b.log.Error("bindings could not be written, will try again", "error", err)
	}
}

// A reader appends the record of a key to dst; false if there is none any more.
type reader func(dst []byte, key string) (record []byte, ok bool)

// flush writes the changed bindings and cleans a little.
func (b *Bindings) flush(read reader) error {
	keys := b.takeDirty()
	defer func() {
		clear(keys)
		b.spare = keys
	}()
	if len(keys) == 0 {
		return nil
	}
	if b.unread == nil { // or what is still to be loaded would seem to have been alive just now
		keys[beatKey] = struct{}{}
	}
	old, err := b.clean(keys)
	if err == nil {
		batches := b.build(keys, read)
		if err = b.save(batches, old); err == nil {
			b.enter(batches, old)
		}
	}
	if err != nil {
		for key := range keys {
			b.Changed(key)
		}
	}
	return err
}

func (b *Bindings) takeDirty() map[string]struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := b.dirty
	b.dirty, b.spare = b.spare, nil
	return keys
}

// A dropped batch is one that the next transaction deletes.
type dropped struct {
	number uint64
	batch  batch
}

// clean adds to keys what must be written again so that the oldest batches can
// be dropped, which it returns.
func (b *Bindings) clean(keys map[string]struct{}) ([]dropped, error) {
	if b.unread != nil || !b.ledger.isWasteful() {
		return nil, nil
	}
	var old []dropped
	excess := b.ledger.total - 2*b.ledger.live - slack
	err := b.db.View(func(tx *bbolt.Tx) error {
		step := 0
		for _, w := range b.ledger.batches[:len(b.ledger.batches)-1] {
			value := batch(slices.Clone(tx.Bucket(bucketBatches()).Get(bytesOf(w.number))))
			again, size := b.ledger.clean(w.number, value)
			for _, key := range again {
				keys[key] = struct{}{}
			}
			old = append(old, dropped{w.number, value})
			step += size
			excess -= w.size - size
			if excess <= 0 || step > cleanStep {
				break
			}
		}
		return nil
	})
	return old, err
}

// build returns the records of keys in batches.
func (b *Bindings) build(keys map[string]struct{}, read reader) []batch {
	batches := b.buffer[:0]
	var now batch
	for key := range keys {
		value, ok := appendBeat(b.record[:0]), true
		if key != beatKey {
			value, ok = read(b.record[:0], key)
		}
		b.record = value
		if !ok && !b.mayHave(key) {
			continue
		}
		if len(now) == 0 {
			now = b.reuse(len(batches))
		}
		if now = now.add(key, value, !ok); len(now) > batchSize {
			batches, now = append(batches, now), nil
		}
	}
	if len(now) > 0 {
		batches = append(batches, now)
	}
	for _, x := range batches {
		x.seal()
	}
	b.buffer = slices.Clone(batches[:min(len(batches), keepBuffers)])
	return batches
}

// mayHave reports whether the file says, as far as is known, that there is a
// binding of key.
func (b *Bindings) mayHave(key string) bool { return b.unread != nil || b.ledger.has(key) }

// reuse returns the memory of the i-th batch of the flush before.
func (b *Bindings) reuse(i int) batch {
	if i < len(b.buffer) {
		return b.buffer[i][:0]
	}
	return make(batch, 0, batchSize+batchSize/8)
}

// save writes batches behind the others and deletes old ones, all or nothing.
func (b *Bindings) save(batches []batch, old []dropped) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketBatches())
		bucket.FillPercent = 1 // keys only grow
		for i, x := range batches {
			if err := bucket.Put(bytesOf(b.last+uint64(i)+1), x); err != nil {
				return err
			}
		}
		for _, d := range old {
			if err := bucket.Delete(bytesOf(d.number)); err != nil {
				return err
			}
		}
		return nil
	})
}

// enter brings the ledger up to date after save.
func (b *Bindings) enter(batches []batch, old []dropped) {
	for _, x := range batches {
		b.last++
		b.ledger.add(b.last, x)
	}
	for _, d := range old {
		b.ledger.drop(d.number, d.batch)
	}
}

func appendBeat(dst []byte) []byte { return binary.AppendVarint(dst, time.Now().UnixMilli()) }

// parseBeat returns when the node last wrote; long ago if nobody knows.
func parseBeat(value []byte) time.Time {
	ms, _ := binary.Varint(value)
	return time.UnixMilli(ms)
}

func bucketBatches() []byte { return []byte("batches") }
