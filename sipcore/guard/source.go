package guard

import (
	"net/netip"
	"time"
)

// sourceSets makes 32,768 places of sources.
const sourceSets = 4096

// Standing is what the configuration says about a stranger's address. Who is in
// a network of the system is no stranger: his address is never asked about.
type Standing int

// The standings of strangers.
const (
	Open    Standing = iota // no networks are configured: he may be a phone
	Unknown                 // in none of the networks that are
)

// Verdict is what becomes of one message.
type Verdict int

// The verdicts.
const (
	Pass    Verdict = iota
	Friend          // passes too: its source has shown a password within the hour
	TooFast         // its source sends too much
	Crowded         // all that have no business here send too much together
)

const (
	openRate, openBurst       = 200, 2000
	friendRate, friendBurst   = 5000, 10000 // of who has shown a password lately: a whole office behind one address
	unknownRate, unknownBurst = 10, 50
	crowdRate, crowdBurst     = 1000, 2000

	friendFor = int64(time.Hour)
)

const (
	blameFades = int64(time.Minute) // one failure is forgotten each
	blameMost  = 10                 // failures that lead to a ban

	firstBan   = 2 * time.Minute
	longestBan = 24 * time.Hour
	banFades   = int64(24 * time.Hour) // behind a ban, without another, the next is a first one again
)

// A source is what is remembered of one household.
type source struct {
	sent   meter // messages
	blame  meter // failures
	friend int64 // until when it counts as one that has shown a password
	known  int64 // until when its bans count
	bans   uint8
}

func (s *source) ends() int64 { return max(int64(s.sent), int64(s.blame), s.friend, s.known) }

// Admit counts one message of a stranger and says what becomes of it.
func (g *Guard) Admit(from netip.Addr, as Standing, now time.Time) Verdict {
	at := g.at(now)
	set, s := g.sources.enter(g.key(from))
	friend := s.friend > at
	allowed := perSecond(unknownRate, unknownBurst)
	switch {
	case friend:
		allowed = perSecond(friendRate, friendBurst)
	case as == Open:
		allowed = perSecond(openRate, openBurst)
	}
	ok := s.sent.passes(at, allowed)
	set.mu.Unlock()
	switch {
	case !ok:
		return TooFast
	case friend:
		return Friend
	case as == Unknown && !g.crowdPasses(at):
		return Crowded
	}
	return Pass
}

// crowdPasses counts one message of all strangers together.
func (g *Guard) crowdPasses(at int64) bool {
	return passesOf(&g.crowd, at, perSecond(crowdRate, crowdBurst))
}

// Blame counts a failure of a stranger who does receive at that address: nobody
// else can be blamed. When it is one too many it returns how long the address is
// to be banned, and for which time in a row: each ban is four times as long as
// the one before.
func (g *Guard) Blame(from netip.Addr, now time.Time) (ban time.Duration, times int) {
	at := g.at(now)
	set, s := g.sources.enter(g.key(from))
	defer set.mu.Unlock()
	if s.blame.add(at, blameFades, blameMost) < blameMost {
		return 0, 0
	}
	if s.known < at {
		s.bans = 0
	}
	ban = banLength(int(s.bans))
	s.bans = min(s.bans+1, 100)
	s.blame, s.friend, s.known = 0, 0, at+int64(ban)+banFades
	return ban, int(s.bans)
}

// banLength is that of a ban behind so many others.
func banLength(before int) time.Duration {
	ban := firstBan
	for ; before > 0 && ban < longestBan; before-- {
		ban *= 4
	}
	return min(ban, longestBan)
}

// Trust takes back one failure of a stranger's address and lets it send more for
// an hour: somebody there has shown a password.
func (g *Guard) Trust(from netip.Addr, now time.Time) {
	at := g.at(now)
	set, s := g.sources.enter(g.key(from))
	defer set.mu.Unlock()
	s.friend = at + friendFor
	s.blame.undo(blameFades)
}

// Pardon forgets what was held against an address.
func (g *Guard) Pardon(from netip.Addr) {
	if set, s := g.sources.look(g.key(from)); s != nil {
		defer set.mu.Unlock()
		s.blame, s.known, s.bans = 0, 0, 0
	}
}
