package replica

// A state is the entries up to a cursor, found by key and by version.
type state struct {
	Cursor
	log
	live int    // keys that are not deleted
	sum  uint64 // of these: see check
	past past
}

func newState(c Cursor) state { return state{Cursor: c, log: newLog()} }

// put takes an entry, whose version must be the highest so far, and reports
// whether the key's value changed.
func (s *state) put(x *Entry) (changed bool) {
	s.makeRoom()
	is := item{text: x.Text, cut: uint16(x.Cut), version: x.Version, deleted: x.Deleted} //nolint:gosec // it fits
	is.hash = s.hash(is.key())
	slot := s.locate(is.key(), is.hash)
	changed = !x.Deleted
	if was := s.at(slot); was != nil {
		changed = was.deleted != is.deleted || was.value() != is.value()
		s.past.note(was)
		s.count(was, -1)
	}
	s.count(&is, 1)
	s.append(slot, is)
	return changed
}

// forget drops the deleted keys up to floor, which it raises.
func (s *state) forget(floor uint64) {
	if floor <= s.Floor {
		return
	}
	known, first, end := s.keys(), s.after(s.Floor), s.after(floor)
	s.Floor = floor
	for i := range s.items[first:end] {
		if x := &s.items[first+i]; !x.stale && x.deleted {
			s.past.forget(x)
			s.drop(x)
		}
	}
	if s.keys() < known {
		s.compact()
	}
}
