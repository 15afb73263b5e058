package sipcore

import (
	"context"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"carillon/store/live"
)

// How phones are sent to other nodes: not all at once, and none for ever.
const (
	awaySpread  = 30 * time.Second // over which their turns are spread, or longer, for
	awayRate    = 25               // turns a second
	awayTimes   = 2                // a phone that comes back each time knows no other node: it is served
	awayAgain   = 5                // seconds before it may come back, and some more so that not all do at once
	awayFlows   = time.Second      // how often connections are closed that their phones will open elsewhere
	awayForgets = 64_000           // phones that are remembered
)

// away sends the phones of this node to others: before the node is taken down, or
// when those are back that the phones are to prefer. It answers 503 to REGISTER, and
// closes connections that phones watch (RFC 5626), who would not come for an hour.
// Nothing else is refused, and calls go on. The zero away keeps everybody.
type away struct {
	seed maphash.Seed

	mu     sync.Mutex
	users  map[string]bool // whose phones are to go; nil: all
	begun  time.Time       // zero: nobody is to go
	spread time.Duration
	asked  map[string]int // how often a phone was sent away, by user and device
	stayed map[string]bool
}

// An Away says what became of phones that were sent away.
type Away struct {
	Asked  int           // phones that were
	Stayed int           // and that came back each time: they know no other node
	Spread time.Duration // over which their turns are spread
}

// SendAway has the phones whose bindings at this node are among those go to other
// nodes, each when it is its turn; with all, also those that come from now on. It
// returns how many phones are here and over how long their turns are spread.
func (s *Server) SendAway(among func(live.Binding) bool, all bool) (phones int, spread time.Duration) {
	users := make(map[string]bool)
	for _, x := range s.o.Bindings.All() {
		if x.Node == s.o.Node && among(x) {
			users[x.User] = true
			phones++
		}
	}
	spread = max(awaySpread, time.Duration(phones)*time.Second/awayRate)
	if all {
		users = nil
	}
	a := &s.away
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seed = maphash.MakeSeed()
	a.users, a.begun, a.spread = users, time.Now(), spread
	a.asked, a.stayed = make(map[string]int), make(map[string]bool)
	return phones, spread
}

// KeepPhones ends what SendAway began, and says what came of it.
func (s *Server) KeepPhones() Away {
	a := &s.away
	a.mu.Lock()
	defer a.mu.Unlock()
	said := Away{Asked: len(a.asked), Stayed: len(a.stayed), Spread: a.spread}
	a.users, a.begun, a.asked, a.stayed = nil, time.Time{}, nil, nil
	return said
}

// leaves implements [registrar.Options.Leaves].
func (a *away) leaves(user, device string, now time.Time) (retryAfter int, leaves bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.isTurnLocked(user, now) || !a.askLocked(user+"\x1f"+device) {
		return 0, false
	}
	return awayAgain + rand.IntN(awayAgain), true //nolint:gosec // so that not all come back at once
}

// isTurnLocked reports whether the phones of user are to go by now.
func (a *away) isTurnLocked(user string, now time.Time) bool {
	if a.begun.IsZero() || a.users != nil && !a.users[user] {
		return false
	}
	turn := time.Duration(maphash.String(a.seed, user) % uint64(a.spread)) //nolint:gosec // not negative
	return now.Sub(a.begun) >= turn
}

// askLocked counts that a phone is sent away, unless it came back too often.
func (a *away) askLocked(phone string) bool {
	n := a.asked[phone]
	if n >= awayTimes {
		a.stayed[phone] = true
		return false
	}
	if n == 0 && len(a.asked) >= awayForgets {
		return false
	}
	a.asked[phone] = n + 1
	return true
}

// closeAway closes the connections of phones whose turn it is that watch them and are
// in no call, until ctx ends.
func (s *Server) closeAway(ctx context.Context) error {
	tick := time.NewTicker(awayFlows)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			for _, flow := range s.flowsToClose(now) {
				if f, ok := s.transport.Find(flow); ok {
					f.Close()
				}
			}
		}
	}
}

// flowsToClose returns the connections to close now: those of awayRate phones at most.
func (s *Server) flowsToClose(now time.Time) (flows []uint64) {
	s.away.mu.Lock()
	idle := s.away.begun.IsZero()
	s.away.mu.Unlock()
	if idle {
		return nil
	}
	all, talking := s.o.Bindings.All(), s.calls.Talking()
	busy := make(map[uint64]bool) // a gateway's connection may carry many users
	for _, x := range all {
		if talking[x.User] {
			busy[x.Flow] = true
		}
	}
	a := &s.away
	a.mu.Lock()
	defer a.mu.Unlock()
	ends := make(map[uint64]bool)
	for _, x := range all {
		watched := x.Node == s.o.Node && x.RegID != 0 && x.Transport != "udp" && x.Flow != 0
		if watched && len(ends) < awayRate && !busy[x.Flow] && a.isTurnLocked(x.User, now) && a.askLocked(x.Key()) {
			ends[x.Flow] = true
		}
	}
	return slices.Collect(maps.Keys(ends))
}
