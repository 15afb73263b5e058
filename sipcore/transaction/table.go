package transaction

import "sync"

const (
	tableShards = 64
	shrinkAbove = 2048 // slots that a shard may keep when it is empty
)

// A kind of transaction has its own state machine and its own counters.
type kind uint8

const (
	invite kind = iota
	other
	kinds
)

// A table finds transactions by key. The zero table is empty.
type table[T any] struct{ shards [tableShards]tableShard[T] }

type tableShard[T any] struct {
	mu   sync.Mutex // and all below: a cache line
	here [kinds]uint32
	made [kinds]uint64
	live slots[T]
}

func (t *table[T]) shard(k key) *tableShard[T] { return &t.shards[k[0]%tableShards] }

// find returns the transaction called k, nil if there is none.
func (t *table[T]) find(k key) *T {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live.get(k)
}

// findOrAdd returns the transaction called k, or adds what create returns.
// create runs with the shard locked. Where a shard has limit of them already it
// adds none and returns nil; keys spread evenly, so that one shard tells of all.
func (t *table[T]) findOrAdd(k key, of kind, limit int, create func() *T) (x *T, added bool) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.live.get(k); have != nil {
		return have, false
	}
	if s.live.used >= limit {
		return nil, false
	}
	x = create()
	s.put(k, of, x)
	return x, true
}

func (t *table[T]) add(k key, of kind, x *T) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k, of, x)
}

// remove takes x out, unless another has taken its place.
func (t *table[T]) remove(k key, of kind, x *T) {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.here[of]--
	if s.live.get(k) == x {
		s.live.remove(k)
	}
}

// len returns how many transactions there are.
func (t *table[T]) len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += s.live.used
		s.mu.Unlock()
	}
	return n
}

// collect returns all transactions that satisfy want, which runs with a shard
// locked.
func (t *table[T]) collect(want func(*T) bool) []*T {
	var found []*T
	for i := range t.shards {
		found = t.shards[i].collect(want, found)
	}
	return found
}

func (s *tableShard[T]) collect(want func(*T) bool, found []*T) []*T {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slot := range s.live.all {
		if slot.x != nil && want(slot.x) {
			found = append(found, slot.x)
		}
	}
	return found
}

func (s *tableShard[T]) put(k key, of kind, x *T) {
	s.live.put(k, x)
	s.made[of]++
	s.here[of]++
}
