package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/store"
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
	mutes     *mutes
	guards    bool          // the node is one that can be alone
	news      chan struct{} // a link has changed
	regroup   func()        // the peers for sessions are others now

	mu   sync.Mutex
	mode *mode.Mode
	site string
}

func newStanding(p *peers, b *live.Bindings, d *live.Dialogs, states *live.Presences, m *mutes, e *admin.Events, site string, regroup func()) *standing {
	return &standing{
		peers: p, bindings: b, dialogs: d, presences: states, mutes: m, events: e, guards: p.self.Role == RoleLifeguard,
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
	s.look()
}

// look has Run decide anew.
func (s *standing) look() {
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

// judge tells the tables which owners can be reached: those whose link stands; and
// of those without one of their own, those that a main which is heard hears. A main
// says of which it does not.
func (s *standing) judge(links map[string]session.Link) {
	isUp := func(node string) bool { return links[node].State == session.Up }
	heard := slices.DeleteFunc(s.peers.mains(), func(m store.Node) bool { return !isUp(m.Name) })
	main := s.peers.self.Role == RoleMain // it has a line to everybody
	for _, n := range s.peers.others() {
		_, linked := links[n.Name]
		alive := isUp(n.Name) || !main && !linked && s.mutes.isHeardBy(heard, n.Name)
		s.bindings.SetNodeAlive(n.Name, alive)
		s.dialogs.SetNodeAlive(n.Name, alive)
		s.presences.SetNodeAlive(n.Name, alive)
		if main {
			s.mutes.say(n.Name, alive)
		}
	}
}
