package live

import (
	"hash/maphash"
	"iter"
)

// A users finds the entries by user: chains of those whose users hash alike, most
// of one entry or none, linked in the entries themselves.
type users struct {
	seed   maphash.Seed
	chains []*entry // as many as a power of two
	n      int
}

const leastChains = 8

// first returns an entry of user; entry.another goes on from there.
func (u *users) first(user string) *entry {
	if u.n == 0 {
		return nil
	}
	at, mark := u.chain(user)
	return (*at).orAnother(user, mark)
}

// another returns the next entry of the user of e.
func (e *entry) another() *entry { return e.next.orAnother(e.user(), e.mark) }

// orAnother returns the first entry of user from e on. Most others are passed over
// by their mark, without a look at their text.
func (e *entry) orAnother(user string, mark uint16) *entry {
	for e != nil && (e.mark != mark || e.user() != user) {
		e = e.next
	}
	return e
}

// chain returns the chain of user, and the mark that his entries have. Users of one
// shard have lower bits of the hash in common.
func (u *users) chain(user string) (at **entry, mark uint16) {
	hash := maphash.String(u.seed, user)
	return &u.chains[hash>>16&uint64(len(u.chains)-1)], uint16(hash >> 48) //nolint:gosec // a part of it
}

func (u *users) add(e *entry) {
	if u.n >= len(u.chains) {
		u.grow()
	}
	u.link(e)
	u.n++
}

func (u *users) link(e *entry) {
	at, mark := u.chain(e.user())
	e.next, e.mark, *at = *at, mark, e
}

func (u *users) grow() {
	bigger := users{seed: u.seed, chains: make([]*entry, max(2*len(u.chains), leastChains))}
	for e := range u.all() {
		bigger.link(e)
	}
	u.chains = bigger.chains
}

func (u *users) remove(e *entry) {
	at, _ := u.chain(e.user())
	for *at != e {
		at = &(*at).next
	}
	*at, e.next = e.next, nil
	u.n--
}

// all yields the entries, of which the current one may be removed.
func (u *users) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, e := range u.chains {
			for e != nil {
				next := e.next
				if !yield(e) {
					return
				}
				e = next
			}
		}
	}
}
