package session

import (
	"context"
	"time"
)

// A State is whether a line can be used.
type State string

// The states of a line.
const (
	Up   State = "up"
	Down State = "down"
)

// A Link is the line to one peer, as it is now.
type Link struct {
	Node    string
	State   State
	Since   time.Time
	Primary bool          // it is through this one that we hear of others
	RTT     time.Duration // as the last hellos took; 0 when unknown
}

// Links returns the lines to all peers, in their order.
func (s *Sessions) Links() []Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Link, len(s.order))
	for i, p := range s.order {
		list[i] = s.linkLocked(p)
	}
	return list
}

func (s *Sessions) linkLocked(p *peer) Link {
	x := Link{Node: p.Node, State: Down, Since: p.since, Primary: p == s.primary, RTT: p.rtt}
	if p.up {
		x.State = Up
	}
	return x
}

// OnLink has f told whenever a line comes up or goes down. It is called by one
// goroutine of Run's, in order; of changes while it works, it may hear of the
// last state alone.
func (s *Sessions) OnLink(f func(Link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, f)
}

// tell runs until ctx ends.
func (s *Sessions) tell(ctx context.Context) {
	for {
		select {
		case <-s.news:
		case <-ctx.Done():
			return
		}
		links, watchers := s.takeNews()
		for _, x := range links {
			for _, f := range watchers {
				f(x)
			}
		}
	}
}

func (s *Sessions) takeNews() (links []Link, watchers []func(Link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := map[*peer]bool{}
	for _, p := range s.changed {
		if !told[p] {
			links = append(links, s.linkLocked(p))
		}
		told[p] = true
	}
	s.changed = nil
	return links, s.watchers
}
