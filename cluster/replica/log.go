package replica

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// A main has hundreds of thousands of items, so they lie side by side: the words of
// a namespace in the order of their versions, and beside them, by hash, where the
// last one about each key is.

// An item is a word about a key. Its text is never written into: deltas, and
// tables made of them, share it.
type item struct {
	text    string // key and value
	version uint64
	hash    uint32 // of the key
	cut     uint16 // the length of the key
	deleted bool
	stale   bool // there is a later word, or it is forgotten
}

func (x *item) pair() Pair    { return Pair{Text: x.text, Cut: int(x.cut)} }
func (x *item) key() string   { return x.text[:x.cut] }
func (x *item) value() string { return x.text[x.cut:] }
func (x *item) entry() Entry {
	return Entry{Pair: x.pair(), Version: x.version, Deleted: x.deleted}
}

// A log is the items of a namespace, ascending, with stale ones.
type log struct {
	items []item
	stale int
	seed  maphash.Seed
	// A slot is 0, or the place of an item that is not stale, plus one, and above
	// that as much of the hash as there is room for: others are seldom looked at.
	slots []uint32
}

const (
	leastSlots = 8
	slotRoom   = 8 // a place is below so many times the number of slots
	spare      = 8 // a part of the items, by which there is room for more, or that may be stale
)

func newLog() log { return log{seed: maphash.MakeSeed()} }

// keys returns the number of items that are not stale.
func (l *log) keys() int { return len(l.items) - l.stale }

// find returns the item of a key, good until the next append; nil if there is none.
func (l *log) find(key string) *item {
	if len(l.slots) == 0 {
		return nil
	}
	return l.at(l.locate(key, l.hash(key)))
}

func (l *log) hash(key string) uint32 {
	return uint32(maphash.String(l.seed, key)) //nolint:gosec // a part of it
}

// locate returns the slot that is of a key, or is free for it.
func (l *log) locate(key string, hash uint32) (slot uint32) {
	slots, mask, places := l.slots, uint32(len(l.slots)-1), l.places() //nolint:gosec // below 1<<32
	for slot = hash & mask; slots[slot] != 0; slot = (slot + 1) & mask {
		if is := slots[slot]; (is^hash)&^places == 0 && l.items[is&places-1].key() == key {
			break
		}
	}
	return slot
}

// places is the bits of a slot that say where the item is.
func (l *log) places() uint32 { return uint32(len(l.slots))*slotRoom - 1 } //nolint:gosec // below 1<<32

func (l *log) at(slot uint32) *item {
	if place := l.slots[slot] & l.places(); place != 0 {
		return &l.items[place-1]
	}
	return nil
}

// point has a slot say that the item at place is of a key with that hash.
func (l *log) point(slot, hash uint32, place int) {
	l.slots[slot] = hash&^l.places() | uint32(place+1) //nolint:gosec // below 1<<32
}

// makeRoom is called before locate and append.
func (l *log) makeRoom() {
	n := len(l.items)
	switch full := n == cap(l.items); {
	case l.keys() >= len(l.slots)/8*7, full && l.stale > n/spare:
		l.compact()
	case full:
		l.items = roomy(l.items)
	}
}

// roomy returns items with room for some more, but less than the language leaves.
func roomy(items []item) []item {
	return append(make([]item, 0, len(items)+len(items)/spare+4), items...)
}

// append adds the last word about the key that slot is for.
func (l *log) append(slot uint32, x item) {
	if was := l.at(slot); was != nil {
		l.drop(was)
	}
	l.items = append(l.items, x)
	l.point(slot, x.hash, len(l.items)-1)
}

// drop makes an item stale. Its version stays for those who search by it.
func (l *log) drop(x *item) {
	x.stale, x.text, x.cut = true, "", 0
	l.stale++
}

// compact removes the stale items and finds the others anew, with room for more.
func (l *log) compact() {
	l.items = slices.DeleteFunc(l.items, func(x item) bool { return x.stale })
	l.stale = 0
	if n := len(l.items); n == cap(l.items) || cap(l.items) > 2*(n+leastSlots) {
		l.items = roomy(l.items)
	}
	n := leastSlots
	for len(l.items) >= n/8*7 {
		n *= 2
	}
	if clear(l.slots); n != len(l.slots) {
		l.slots = make([]uint32, n)
	}
	mask := uint32(n - 1) //nolint:gosec // below 1<<32
	for place := range l.items {
		hash := l.items[place].hash
		slot := hash & mask
		for l.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		l.point(slot, hash, place)
	}
}

// after returns the place of the first item above version.
func (l *log) after(version uint64) int {
	i, found := slices.BinarySearchFunc(l.items, version, func(x item, v uint64) int { return cmp.Compare(x.version, v) })
	if found {
		i++
	}
	return i
}
