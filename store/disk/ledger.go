package disk

// A ledger knows in which batch the newest record of each key is, and so which
// batches have become mostly history. It does no I/O.
type ledger struct {
	newest  map[string]*place
	batches []written // the oldest first
	total   int       // bytes of all batches
	live    int       // bytes of newest records
}

// A place is where the newest record of a key is.
type place struct {
	batch uint64
	size  int32
	gone  bool
}

// written is a batch on disk.
type written struct {
	number uint64
	size   int
}

const (
	// slack is what batches may waste beside the live bytes before any is
	// cleaned: small tables are not worth the trouble.
	slack = 256 << 10
	// cleanStep bounds the live bytes that one flush writes again.
	cleanStep = 256 << 10
)

func newLedger() *ledger { return &ledger{newest: make(map[string]*place)} }

// has reports whether any record of key is on disk that says there is a binding.
func (l *ledger) has(key string) bool {
	p := l.newest[key]
	return p != nil && !p.gone
}

// add enters a batch that was written behind all others.
func (l *ledger) add(number uint64, b batch) {
	l.batches = append(l.batches, written{number, len(b)})
	l.total += len(b)
	for r := range b.records() {
		p := l.newest[string(r.key)] // a conversion that does not allocate
		if p == nil {
			p = new(place)
			l.newest[string(r.key)] = p
		}
		l.live += r.size - int(p.size)
		*p = place{batch: number, size: int32(r.size), gone: r.gone} //nolint:gosec // smaller than a batch
	}
}

// addOlder enters a batch that was written before all that was entered so far,
// and calls newest for each record that is the newest of its key and says that
// there is a binding. The caller puts the batch where it belongs in batches.
func (l *ledger) addOlder(number uint64, b batch, newest func(record)) {
	for r := range b.records() {
		if l.newest[string(r.key)] != nil {
			continue
		}
		l.newest[string(r.key)] = &place{batch: number, size: int32(r.size), gone: r.gone} //nolint:gosec // smaller than a batch
		l.live += r.size
		if !r.gone {
			newest(r)
		}
	}
	l.total += len(b)
}

// isWasteful reports whether so much is history that cleaning pays.
func (l *ledger) isWasteful() bool { return l.total > 2*l.live+slack }

// clean returns the keys whose newest record is in the oldest batch b and must
// be written again before that is dropped, and how many bytes they are. A key
// that is gone needs no more: nothing older is left to contradict it.
func (l *ledger) clean(number uint64, b batch) (keys []string, size int) {
	for r := range b.records() {
		if p := l.newest[string(r.key)]; p != nil && p.batch == number && !p.gone {
			keys = append(keys, string(r.key))
			size += r.size
		}
	}
	return keys, size
}

// drop forgets the oldest batch b, which is no longer on disk.
func (l *ledger) drop(number uint64, b batch) {
	l.total -= l.batches[0].size
	l.batches = l.batches[1:]
	for r := range b.records() {
		if p := l.newest[string(r.key)]; p != nil && p.batch == number {
			l.live -= int(p.size)
			delete(l.newest, string(r.key))
		}
	}
}
