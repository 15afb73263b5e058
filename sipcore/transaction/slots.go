package transaction

// slots is a map from key that touches one cache line where Go's map touches
// four, which is what looking for a new transaction costs: open addressing with
// linear probing. Keys are hashes already. The zero slots is empty.
type slots[T any] struct {
	all  []slot[T] // a power of two
	used int
}

type slot[T any] struct {
	key key
	x   *T // nil: empty
}

const fewSlots = 16

// home is where a key would like to be. Its last bits have chosen the shard.
func (s *slots[T]) home(k key) uint64 { return k[0] / tableShards & s.last() }

func (s *slots[T]) after(i uint64) uint64 { return (i + 1) & s.last() }

func (s *slots[T]) last() uint64 { return uint64(len(s.all)) - 1 }

// at returns the slot that has k, or the empty one that k would go to; false if
// there are no slots at all.
func (s *slots[T]) at(k key) (i uint64, ok bool) {
	if len(s.all) == 0 {
		return 0, false
	}
	for i = s.home(k); s.all[i].x != nil && s.all[i].key != k; i = s.after(i) {
	}
	return i, true
}

func (s *slots[T]) get(k key) *T {
	i, ok := s.at(k)
	if !ok {
		return nil
	}
	return s.all[i].x
}

func (s *slots[T]) put(k key, x *T) {
	if 4*s.used >= 3*len(s.all) {
		s.grow()
	}
	i, _ := s.at(k)
	if s.all[i].x == nil {
		s.used++
	}
	s.all[i] = slot[T]{k, x}
}

func (s *slots[T]) grow() {
	old := s.all
	s.all = make([]slot[T], max(fewSlots, 2*len(old)))
	for _, x := range old {
		if x.x != nil {
			i, _ := s.at(x.key)
			s.all[i] = x
		}
	}
}

// remove closes the gap: what stands behind it and would not be found across it
// moves there.
func (s *slots[T]) remove(k key) {
	gap, ok := s.at(k)
	if !ok || s.all[gap].x == nil {
		return
	}
	for i := s.after(gap); s.all[i].x != nil; i = s.after(i) {
		if (i-s.home(s.all[i].key))&s.last() >= (i-gap)&s.last() {
			s.all[gap], gap = s.all[i], i
		}
	}
	s.all[gap] = slot[T]{}
	s.used--
	if s.used == 0 && len(s.all) > shrinkAbove {
		s.all = nil
	}
}
