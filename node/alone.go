package node

import (
	"context"
	"sync"
	"time"

	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/store/live"
)

// standing keeps the mode of this node, and tells the operator and the table of
// registrations what the links say; and, when this node goes on alone, the
// sessions that it wants the other LifeGUARDs as peers until it is back. mode
// decides; standing listens and acts.
type standing struct {
	peers     *peers
	bindings  *live.Bindings
	dialogs   *live.Dialogs
	presences *live.Presences
	events    *admin.Events
	guards    bool          // the node is one that can be alone
	news      chan struct{} // a link has changed
	regroup   func()        // the peers for sessions are others now

	mu   sync.Mutex
	mode *mode.Mode
	site string
}

func newStanding(p *peers, b *live.Bindings, d *live.Dialogs, states *live.Presences, e *admin.Events, site string, regroup func()) *standing {
	return &standing{
		peers: p, bindings: b, dialogs: d, presences: states, events: e, guards: p.self.Role == RoleLifeguard,
		news: make(chan struct{}, 1), regroup: regroup, mode: mode.New(site, time.Now()), site: site,
	}
}

// Mode returns mode.Cluster or mode.Survivable.
func (s *standing) Mode() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode.Now()
}

// heard takes note of what became of a link.
func (s *standing) heard(l session.Link) {
	switch l.State {
	case session.Up:
		s.events.Add("link", "the link to %s is up", l.Node)
	case session.Down:
		s.events.Add("link", "the link to %s is down", l.Node)
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Run decides until ctx ends.
func (s *standing) Run(ctx context.Context) error {
	for {
		again := s.decide(time.Now())
		var timer <-chan time.Time
		if again > 0 {
			timer = time.After(again)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.news:
		case <-timer:
		}
	}
}

// decide looks at the links and returns when time alone may decide differently.
func (s *standing) decide(now time.Time) time.Duration {
	links := make(map[string]session.Link)
	for _, l := range s.peers.links() {
		links[l.Node] = l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var again time.Duration
	if s.guards {
		var mains []mode.Link
		for _, m := range s.peers.mains() {
			l := links[m.Name]
			mains = append(mains, mode.Link{Node: m.Name, Up: l.State == session.Up, Since: l.Since})
		}
		d := s.mode.Decide(now, mains)
		if d.Changed {
			s.events.Add("mode", "%s", d.Words)
			s.peers.alone.Store(s.mode.Now() == mode.Survivable)
			s.regroup()
		}
		again = d.Again
	}
	s.judge(links)
	return again
}

// judge tells the tables which owners can be reached: those whose link stands,
// and those without one of their own as long as any main is heard, which would
// have to tell of them.
func (s *standing) judge(links map[string]session.Link) {
	anyMain := !s.guards
	for _, m := range s.peers.mains() {
		anyMain = anyMain || links[m.Name].State == session.Up
	}
	for _, n := range s.peers.others() {
		l, linked := links[n.Name]
		alive := linked && l.State == session.Up || !linked && anyMain
		s.bindings.SetNodeAlive(n.Name, alive)
		s.dialogs.SetNodeAlive(n.Name, alive)
		s.presences.SetNodeAlive(n.Name, alive)
	}
}
