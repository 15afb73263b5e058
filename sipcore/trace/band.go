package trace

import (
	"sync"
	"time"

	"carillon/sipcore/transport"
)

// A band is memory that is written round and round. Positions count on for
// ever; in the buffer they are taken modulo its length.
type band struct {
	mu   sync.Mutex
	buf  []byte
	head uint64 // where the next record goes
	tail uint64 // where the oldest record is
	seen Counters
}

// writeLocked adds a record, in the place of as many old ones as it needs.
func (b *band) writeLocked(at time.Time, f transport.Flow, sent bool, raw []byte) {
	var room [longestHead]byte
	kept := raw[:min(len(raw), maxKept)]
	head := appendHead(room[:0], at, f, sent, len(raw), len(kept))
	need := uint64(len(head) + len(kept))
	if need > uint64(len(b.buf)) {
		return
	}
	for b.head+need-b.tail > uint64(len(b.buf)) {
		b.tail += b.lengthLocked(b.tail)
	}
	b.putLocked(head)
	b.putLocked(kept)
}

// putLocked writes p behind the head.
func (b *band) putLocked(p []byte) {
	n := copy(b.buf[b.head%uint64(len(b.buf)):], p)
	copy(b.buf, p[n:])
	b.head += uint64(len(p))
}

// lengthLocked returns the length of the record at a position.
func (b *band) lengthLocked(at uint64) uint64 {
	var p [sizeBytes]byte
	b.getLocked(at, p[:])
	return uint64(recordSize(p[:])) //nolint:gosec // never negative
}

// getLocked fills p with what stands at a position.
func (b *band) getLocked(at uint64, p []byte) {
	n := copy(p, b.buf[at%uint64(len(b.buf)):])
	copy(p[n:], b.buf)
}

// gulp is how much is read at once, while nobody can write: more than the
// longest record.
const gulp = 64 << 10

// read appends what is in the band. Who writes meanwhile waits for a gulp at
// most, and what is overwritten before it is reached is left out.
func (b *band) read(found []entry) []entry {
	b.mu.Lock()
	at, end := b.tail, b.head
	b.mu.Unlock()
	for room := make([]byte, gulp); at < end; {
		var p []byte
		at, p = b.gulp(at, room)
		whole := 0
		for at < end && whole < len(p) {
			e, n := readRecord(p[whole:])
			if n == 0 {
				break
			}
			found = append(found, e)
			whole += n
			at += uint64(n) //nolint:gosec // never negative
		}
	}
	return found
}

// gulp reads from a position on, or from the oldest record if that is gone.
func (b *band) gulp(at uint64, room []byte) (from uint64, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at = max(at, b.tail)
	p = room[:min(uint64(len(room)), b.head-at)]
	b.getLocked(at, p)
	return at, p
}
