package replica

import (
	"slices"
	"strings"
)

// A Filter says which keys somebody wants. The zero Filter wants all. It does not
// change.
type Filter struct {
	some     bool
	prefixes []string // ascending, and none begins with another
}

// Only wants the keys that begin with one of prefixes; with none of these, no key.
func Only(prefixes ...string) Filter {
	f := Filter{some: true}
	for _, p := range slices.Sorted(slices.Values(prefixes)) {
		if n := len(f.prefixes); n == 0 || !strings.HasPrefix(p, f.prefixes[n-1]) {
			f.prefixes = append(f.prefixes, p)
		}
	}
	return f
}

// All reports whether f wants all keys.
func (f Filter) All() bool { return !f.some }

// None reports whether f wants no key.
func (f Filter) None() bool { return f.some && len(f.prefixes) == 0 }

// Prefixes returns what keys have to begin with, ascending; not for a Filter that
// wants all.
func (f Filter) Prefixes() []string { return f.prefixes }

// Matches reports whether f wants a key.
func (f Filter) Matches(key string) bool {
	if !f.some {
		return true
	}
	at, found := slices.BinarySearch(f.prefixes, key)
	return found || at > 0 && strings.HasPrefix(key, f.prefixes[at-1])
}

// Equal reports whether f and g want the same.
func (f Filter) Equal(g Filter) bool {
	return f.some == g.some && slices.Equal(f.prefixes, g.prefixes)
}

// Covers reports whether f wants all that g wants.
func (f Filter) Covers(g Filter) bool {
	return !f.some || g.some && !slices.ContainsFunc(g.prefixes, func(p string) bool { return !f.Matches(p) })
}

// And wants what both want.
func (f Filter) And(g Filter) Filter {
	switch {
	case !f.some:
		return g
	case !g.some:
		return f
	}
	var both []string
	for _, p := range f.prefixes {
		if g.Matches(p) {
			both = append(both, p)
		}
	}
	for _, p := range g.prefixes {
		if f.Matches(p) {
			both = append(both, p)
		}
	}
	return Only(both...)
}
