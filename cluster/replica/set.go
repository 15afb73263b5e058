package replica

import (
	"cmp"
	"iter"
	"slices"
)

// A Set holds replicas by owner and channel: what a node knows of all, and may
// pass on. It is not safe for concurrent use. The zero Set is empty.
type Set struct {
	byName map[name]*Replica
	sorted []*Replica
}

type name struct{ owner, channel string }

// Get returns the replica of a namespace, an empty one when it is new.
func (s *Set) Get(owner, channel string) *Replica {
	n := name{owner, channel}
	if r := s.byName[n]; r != nil {
		return r
	}
	if s.byName == nil {
		s.byName = map[name]*Replica{}
	}
	r := New(owner, channel)
	s.byName[n] = r
	i, _ := slices.BinarySearchFunc(s.sorted, r, compareNames)
	s.sorted = slices.Insert(s.sorted, i, r)
	return r
}

// Drop forgets all namespaces of an owner.
func (s *Set) Drop(owner string) {
	s.sorted = slices.DeleteFunc(s.sorted, func(r *Replica) bool {
		if r.owner == owner {
			delete(s.byName, name{r.owner, r.channel})
		}
		return r.owner == owner
	})
}

// Has reports whether r, which Get has returned, was not dropped since.
func (s *Set) Has(r *Replica) bool { return s.byName[name{r.owner, r.channel}] == r }

// Len returns the number of namespaces.
func (s *Set) Len() int { return len(s.sorted) }

// All yields the replicas, ordered by owner and channel.
func (s *Set) All() iter.Seq[*Replica] { return slices.Values(s.sorted) }

// Of yields the replicas of one owner, ordered by channel.
func (s *Set) Of(owner string) iter.Seq[*Replica] {
	first, _ := slices.BinarySearchFunc(s.sorted, New(owner, ""), compareNames)
	return func(yield func(*Replica) bool) {
		for _, r := range s.sorted[first:] {
			if r.owner != owner || !yield(r) {
				return
			}
		}
	}
}

func compareNames(a, b *Replica) int {
	return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.channel, b.channel))
}
