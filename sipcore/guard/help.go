package guard

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// helperSets makes 1,024 places of strangers who have called for help.
const helperSets = 128

const (
	callEvery, callBurst = 20 * time.Second, 5 // calls for help of one stranger: one each, and so many at once
	cryEvery, cryBurst   = 3 * time.Second, 20 // of all strangers together
	wordRate, wordBurst  = 5, 40               // messages of such calls of one stranger, a second and at once
	loudRate, loudBurst  = 100, 400            // of all strangers together

	helpFor = int64(time.Hour) // how long the messages of a call are heard that was let through
)

// A helper is what is remembered of a household that has called for help and would
// not be heard otherwise, or not without a password.
type helper struct {
	calls meter
	words meter
	until int64 // when the messages of its calls are not heard any more
}

func (h *helper) ends() int64 { return max(int64(h.calls), int64(h.words), h.until) }

// help are the meters of calls for help.
type help struct {
	helpers table[helper, *helper]
	cries   atomic.Int64 // the meter of all calls
	loud    atomic.Int64 // the meter of all messages
}

// Cry counts one call for help of a stranger, and reports whether it is carried
// without a password: strangers cannot keep a service for emergencies busy.
func (g *Guard) Cry(from netip.Addr, now time.Time) bool {
	at := g.at(now)
	set, h := g.help.helpers.enter(g.key(from))
	defer set.mu.Unlock()
	next := h.calls
	if !next.passes(at, each(callEvery, callBurst)) || !passesOf(&g.help.cries, at, each(cryEvery, cryBurst)) {
		return false
	}
	h.calls, h.until = next, at+helpFor
	return true
}

// HearsCry counts one message, or connection, that may begin a call for help, of a
// stranger who is not heard otherwise, and reports whether it is read.
func (g *Guard) HearsCry(from netip.Addr, now time.Time) bool {
	at := g.at(now)
	set, h := g.help.helpers.enter(g.key(from))
	defer set.mu.Unlock()
	return g.hearsLocked(h, at)
}

// HearsMore counts one message that may be of a call for help that goes on, and
// reports whether it is read: only of who has made one lately.
func (g *Guard) HearsMore(from netip.Addr, now time.Time) bool {
	at := g.at(now)
	set, h := g.help.helpers.look(g.key(from))
	if h == nil {
		return false
	}
	defer set.mu.Unlock()
	return h.until > at && g.hearsLocked(h, at)
}

func (g *Guard) hearsLocked(h *helper, at int64) bool {
	next := h.words
	if !next.passes(at, perSecond(wordRate, wordBurst)) || !passesOf(&g.help.loud, at, perSecond(loudRate, loudBurst)) {
		return false
	}
	h.words = next
	return true
}

// each allows one each so long, and burst at once.
func each(every time.Duration, burst int64) rate { return rate{every: int64(every), burst: burst} }
