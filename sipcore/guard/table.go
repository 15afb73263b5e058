package guard

import "sync"

// ways is how many tenants share one lock, and among how many the one to go is
// chosen.
const ways = 8

// A table keeps tenants under keys that are hashes under a secret seed. It never
// grows: a newcomer takes the place of the one in its set that will be of no
// use first.
type table[T any, P tenant[T]] struct{ sets []set[T, P] }

// A tenant is what a table keeps. Its zero value is somebody who is not known.
type tenant[T any] interface {
	*T
	ends() int64 // from when on it says nothing any more
}

type set[T any, P tenant[T]] struct {
	mu      sync.Mutex
	keys    [ways]uint64
	tenants [ways]T
}

// newTable returns an empty table of sets*ways tenants; sets is a power of two.
func newTable[T any, P tenant[T]](sets int) table[T, P] {
	return table[T, P]{sets: make([]set[T, P], sets)}
}

// enter finds or makes the tenant called key. The caller unlocks the set.
func (t *table[T, P]) enter(key uint64) (*set[T, P], P) {
	s := t.set(key)
	s.mu.Lock()
	i := s.find(key)
	if i < 0 {
		i = s.cheapest()
		var fresh T
		s.keys[i], s.tenants[i] = key, fresh
	}
	return s, &s.tenants[i]
}

// look finds the tenant called key; nil, and nothing locked, if there is none.
func (t *table[T, P]) look(key uint64) (*set[T, P], P) {
	s := t.set(key)
	s.mu.Lock()
	i := s.find(key)
	if i < 0 {
		s.mu.Unlock()
		return nil, nil
	}
	return s, &s.tenants[i]
}

func (t *table[T, P]) set(key uint64) *set[T, P] {
	return &t.sets[int(key>>33)&(len(t.sets)-1)]
}

func (s *set[T, P]) find(key uint64) int {
	for i, k := range &s.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// cheapest is the tenant that will be of no use first.
func (s *set[T, P]) cheapest() int {
	best := 0
	for i := range s.tenants {
		if P(&s.tenants[i]).ends() < P(&s.tenants[best]).ends() {
			best = i
		}
	}
	return best
}
