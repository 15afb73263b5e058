package replica

import (
	"cmp"
	"slices"
)

// A state is the entries up to a cursor, found by key and by version.
type state struct {
	Cursor
	entries map[string]*entry
	order   []slot // ascending; with stale ones
	stale   int
	live    int    // entries that are not deleted
	sum     uint64 // of these: see check
	past    past
}

// An entry keeps the last word about a key. Its value is replaced, never
// written into: deltas share it.
type entry struct {
	key     string
	value   []byte
	version uint64 // 0 once it is forgotten
	deleted bool
}

// A slot is the place of an entry in the order of versions. It is stale when
// the entry has moved on.
type slot struct {
	version uint64
	entry   *entry
}

func (s slot) isStale() bool { return s.entry.version != s.version }

// smallOrder is how many stale slots are not worth a compaction.
const smallOrder = 32

func newState(c Cursor) state { return state{Cursor: c, entries: map[string]*entry{}} }

// put takes an entry, whose version must be the highest so far, and reports
// whether the key's value changed.
func (s *state) put(x *Entry) (changed bool) {
	e := s.entries[x.Key]
	if e == nil {
		e = &entry{key: x.Key, deleted: true}
		s.entries[x.Key] = e
	} else {
		s.stale++
		s.past.note(e)
	}
	changed = e.deleted != x.Deleted || string(e.value) != string(x.Value)
	s.count(e, -1)
	e.value, e.version, e.deleted = x.Value, x.Version, x.Deleted
	s.count(e, 1)
	s.order = append(s.order, slot{x.Version, e})
	s.compact()
	return changed
}

// forget drops the deleted keys up to floor, which it raises.
func (s *state) forget(floor uint64) {
	if floor <= s.Floor {
		return
	}
	first, end := s.after(s.Floor), s.after(floor)
	s.Floor = floor
	for _, at := range s.order[first:end] {
		if !at.isStale() && at.entry.deleted {
			delete(s.entries, at.entry.key)
			delete(s.past.byKey, at.entry.key)
			at.entry.version = 0
			s.stale++
		}
	}
	s.compact()
}

// compact removes the stale slots when they are more than the others.
func (s *state) compact() {
	if s.stale <= len(s.order)/2 || s.stale <= smallOrder {
		return
	}
	s.order = slices.DeleteFunc(s.order, slot.isStale)
	s.stale = 0
}

// after returns the index of the first slot above version.
func (s *state) after(version uint64) int {
	i, found := slices.BinarySearchFunc(s.order, version, func(at slot, v uint64) int { return cmp.Compare(at.version, v) })
	if found {
		i++
	}
	return i
}
