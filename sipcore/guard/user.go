package guard

import (
	"net/netip"
	"time"
)

// userSets makes 16,384 places of users whose password was wrong.
const userSets = 2048

const (
	wrongFades = int64(time.Minute)      // one wrong password is forgotten each
	wrongFree  = 3                       // may be wrong without a wait
	wrongMost  = 20                      // are remembered
	firstWait  = int64(time.Second)      // behind the first that is not free; each next one doubles it
	longWait   = int64(30 * time.Second) // the longest
)

// A user is what is remembered of one name at one place. Somebody who does not
// know the password does not delay the same user elsewhere.
type user struct {
	wrong meter
	next  int64 // when the next password is looked at
}

func (u *user) ends() int64 { return max(int64(u.wrong), u.next) }

// Wait returns how long the next password of a user, used from there, is not
// looked at; 0 almost always, and then for the price of a glance at the clock.
func (g *Guard) Wait(name string, from netip.Addr, now time.Time) time.Duration {
	at := g.at(now)
	if g.wrong.Load() < at {
		return 0
	}
	set, u := g.users.look(g.userKey(name, from))
	if u == nil {
		return 0
	}
	defer set.mu.Unlock()
	return time.Duration(max(0, u.next-at))
}

// Wrong notes that a password of the user was wrong. There need be no such user.
func (g *Guard) Wrong(name string, from netip.Addr, now time.Time) {
	at := g.at(now)
	set, u := g.users.enter(g.userKey(name, from))
	defer set.mu.Unlock()
	n := u.wrong.add(at, wrongFades, wrongMost)
	if n > wrongFree {
		u.next = at + min(firstWait<<(n-wrongFree-1), longWait)
	}
	for {
		old := g.wrong.Load()
		if old >= u.ends() || g.wrong.CompareAndSwap(old, u.ends()) {
			return
		}
	}
}

// Right forgets the wrong passwords of a user at a place.
func (g *Guard) Right(name string, from netip.Addr, now time.Time) {
	if g.wrong.Load() < g.at(now) {
		return
	}
	if set, u := g.users.look(g.userKey(name, from)); u != nil {
		*u = user{}
		set.mu.Unlock()
	}
}

// askedRate and askedBurst are how many passwords another node is asked about: the
// line that it goes by carries calls.
const askedRate, askedBurst = 10, 50

// MayAsk reports whether another node may be asked about one more password.
func (g *Guard) MayAsk(now time.Time) bool {
	return passesOf(&g.asked, g.at(now), perSecond(askedRate, askedBurst))
}
