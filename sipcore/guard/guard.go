// Package guard decides who has to wait: sources that send too much, addresses
// from which passwords are guessed, users whose password was wrong too often,
// and everybody's new requests when the node falls behind. It decides on values
// and on a clock that is passed in; it does no I/O, reads no message and knows
// nobody's configuration. Package sipcore asks it and carries out what it says.
//
// Everything it remembers has its place in tables that do not grow: who sends
// under a million addresses makes it forget what is worth least, and nothing
// else. DESIGN.md beside this file says what is counted against whom.
package guard

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// A Guard remembers sources and users. It is safe for concurrent use and never
// waits; make one with New.
type Guard struct {
	base    time.Time // what its times are counted from; has a monotonic reading
	seed    maphash.Seed
	sources table[source, *source]
	users   table[user, *user]
	help    help
	crowd   atomic.Int64 // the meter of all strangers together
	asked   atomic.Int64 // the meter of passwords that another node is asked about
	wrong   atomic.Int64 // when the last wrong password will be forgotten
}

// New returns a Guard that knows nobody. It takes about 2 MB.
func New() *Guard {
	return &Guard{
		base: time.Now(), seed: maphash.MakeSeed(),
		sources: newTable[source](sourceSets), users: newTable[user](userSets),
		help: help{helpers: newTable[helper](helperSets)},
	}
}

// at is now as the tables have it.
func (g *Guard) at(now time.Time) int64 { return int64(now.Sub(g.base)) + int64(time.Hour) } // 0 is long ago

// Household is whom a source address stands for: one IPv4 address, or the /64
// that one IPv6 host can pick its addresses from.
func Household(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // of no address
	}
	return p
}

// room is the text of a key: an address and what else names somebody.
type room [16 + maxName]byte

// maxName bounds what of a user's name tells him from others.
const maxName = 64

// key names the household of an address.
func (g *Guard) key(a netip.Addr) uint64 {
	b := homeOf(a)
	return maphash.Bytes(g.seed, b[:])
}

// userKey names a user at such a place.
func (g *Guard) userKey(name string, a netip.Addr) uint64 {
	var r room
	home := homeOf(a)
	n := copy(r[:], home[:])
	n += copy(r[n:], name)
	return maphash.Bytes(g.seed, r[:n])
}

func homeOf(a netip.Addr) [16]byte {
	b := a.As16()
	if !a.Unmap().Is4() {
		clear(b[8:])
	}
	return b
}
