package session

import "time"

// A node that is no main hears of all others, and of the configuration, from one
// main: its primary.
//
//   - It is the first main, in the order of the peers, with a session; a later one
//     gives way to it when its session has stood for a while.
//   - A main whose configuration is older than ours, or the primary's, is cut off from
//     the others, or not one of them any more. It comes last.
//   - Nor is it kept when another main has a configuration that it does not bring.
const (
	stable = 10 * time.Second // how long a session stands before it is preferred to one that works
	lag    = 2 * time.Second  // how long a primary may not have what another main has
)

// choosePrimaryLocked is called whenever a session began or ended.
func (s *Sessions) choosePrimaryLocked() {
	if s.o.Role == roleMain || s.primary != nil && s.primary.conn != nil && s.peers[s.primary.Node] == s.primary {
		return
	}
	s.primary, s.behind = nil, time.Time{}
	var last *peer
	for _, p := range s.order {
		switch {
		case p.conn == nil || p.role() != roleMain:
		case !s.isStaleLocked(p):
			s.preferLocked(p)
			return
		case last == nil:
			last = p
		}
	}
	if last != nil {
		s.preferLocked(last)
	}
}

// isStaleLocked reports whether a main has an older configuration than we, or than the
// primary, which may be bringing it.
func (s *Sessions) isStaleLocked(p *peer) bool {
	latest := s.config
	if s.primary != nil {
		latest = max(latest, s.primary.config)
	}
	return p.config != 0 && p.config < latest
}

// reconsiderLocked turns to a main that is better than the primary, and returns
// when time alone may make one so.
func (s *Sessions) reconsiderLocked(now time.Time) (again time.Time) {
	again = now.Add(memoryGrain)
	if s.primary == nil || s.primary.conn == nil {
		return again
	}
	better, at := s.betterLocked(now), s.aheadLocked()
	switch {
	case at == nil:
		s.behind = time.Time{}
	case s.behind.IsZero():
		s.behind = now
		again = now.Add(lag)
	case now.Sub(s.behind) >= lag:
		better = at
	default:
		again = s.behind.Add(lag)
	}
	if better != nil {
		s.primary.conn.wantLocked(scopeNone)
		s.preferLocked(better)
	}
	return again
}

// betterLocked returns a main that stands before the primary in the order of the
// peers, if its session is stable.
func (s *Sessions) betterLocked(now time.Time) *peer {
	for _, p := range s.order {
		if p == s.primary {
			return nil
		}
		if p.conn != nil && p.role() == roleMain && now.Sub(p.joined) >= stable && !s.isStaleLocked(p) {
			return p
		}
	}
	return nil
}

// aheadLocked returns a main whose configuration neither we nor the primary have.
func (s *Sessions) aheadLocked() *peer {
	for _, p := range s.order {
		if p.conn != nil && p.role() == roleMain && p.config > max(s.config, s.primary.config) {
			return p
		}
	}
	return nil
}

// preferLocked makes p, which has a session, the primary.
func (s *Sessions) preferLocked(p *peer) {
	s.primary, s.behind = p, time.Time{}
	p.conn.wantLocked(scopeAll)
	if !p.conn.subscribed {
		return // what it has of ours will come with its subscription
	}
	for r := range s.set.Of(s.o.Node) {
		p.conn.offerLocked(r)
	}
}
