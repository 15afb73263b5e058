package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/cluster/ring"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/store"
	"carillon/store/live"
)

// membership follows which nodes the View has, and keeps what the View says of
// this node true.
type membership struct {
	self      func() store.Node
	config    *configuration
	port      *link.Port
	sessions  *session.Sessions
	rings     *ring.Rings
	bindings  *live.Bindings
	dialogs   *live.Dialogs
	bans      *live.Bans
	presences *live.Presences
	mutes     *mutes
	outcasts  *outcasts
	events    *admin.Events
	log       *slog.Logger

	known map[string]store.Node // Run's own
	wake  chan struct{}         // the View has changed
	say   chan struct{}         // what it says of this node may not be true any more
}

func newMembership(m membership) *membership {
	m.known, m.wake, m.say = make(map[string]store.Node), make(chan struct{}, 1), make(chan struct{}, 1)
	for _, n := range m.config.View().Nodes() {
		m.known[n.Name] = n
	}
	return &m
}

// Run follows the View until ctx ends. Saying where this node is may take long, while a
// main does not answer: nothing waits for it.
func (m *membership) Run(ctx context.Context) error {
	stop := m.config.Store().Watch(func(*store.View) { m.hurry() })
	defer stop()
	var saying sync.WaitGroup
	defer saying.Wait()
	saying.Go(func() { m.keepSaying(ctx) })
	for {
		m.follow()
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		}
	}
}

// keepSaying keeps what the View says of this node true until ctx ends.
func (m *membership) keepSaying(ctx context.Context) {
	for ctx.Err() == nil {
		timer := m.announce(ctx)
		select {
		case <-ctx.Done():
		case <-m.say:
		case <-timer:
		}
	}
}

// hurry has Run look at once.
func (m *membership) hurry() {
	for _, c := range []chan struct{}{m.wake, m.say} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// follow acts on nodes that came, went or are others under the same name.
func (m *membership) follow() {
	next := m.nodes()
	known := m.known
	m.known = next
	own := m.self().Name
	for name, n := range next {
		old, was := known[name]
		switch {
		case name == own:
		case !was:
			m.sessions.Expect(name)
			m.events.Add("member", "%s joined as %s at %s", name, n.Role, m.config.View().SiteOf(n))
		case old.Certificate != n.Certificate && old.Epoch == n.Epoch:
			m.port.Disconnect(name) // who has a copy of the old key is out, too
			m.events.Add("member", "%s has another key", name)
		case old.Certificate != n.Certificate:
			m.turnOut(old)
			m.events.Add("member", "%s was replaced by a new node of that name", name)
		case old.Address != n.Address:
			m.events.Add("member", "%s is at %s now", name, n.Address)
		}
	}
	for name, old := range known {
		if _, stays := next[name]; stays {
			continue
		}
		m.events.Add("member", "%s was removed", name)
		if name != own {
			m.turnOut(old)
			m.sessions.Forget(name)
			m.bindings.Forget(name)
			m.dialogs.Forget(name)
			m.bans.Forget(name)
			m.presences.Forget(name)
			m.mutes.forget(name)
		}
	}
	m.port.Review()
	m.sessions.Kick()
	m.rings.Kick()
	m.sessions.FeedChanged()
}

// nodes are those of the View, but for those of which a main has said already that
// they are gone.
func (m *membership) nodes() map[string]store.Node {
	all := make(map[string]store.Node)
	for _, n := range m.config.View().Nodes() {
		if !m.outcasts.has(n.Certificate) {
			all[n.Name] = n
		}
	}
	return all
}

// turnOut closes what is open to a node that is gone, and has a main tell those
// who will hear of it from the View alone.
func (m *membership) turnOut(n store.Node) {
	m.port.Disconnect(n.Name)
	if m.self().Role == store.Main && n.Certificate != "" {
		m.sessions.Namespace(outcast).Set(n.Name, []byte(n.Certificate))
	}
}

// announceEvery is how often a node tries to say where it is now.
const announceEvery = 5 * time.Second

// announce makes what the View says of this node true, and returns when to try
// again if that is not possible now.
func (m *membership) announce(ctx context.Context) <-chan time.Time {
	view, self := m.config.View(), m.self()
	if view.Index() == 0 {
		return nil // nothing is known yet: the first View will wake us
	}
	old, known := view.Node(self.Name)
	self.Epoch, self.Drained, self.Token = old.Epoch, old.Drained, old.Token
	if self.Next == "" && self.Certificate != old.Next {
		self.Next = old.Next
	}
	switch {
	case old == self, view.IsRevoked(self.Certificate), known && old.Certificate != "" && !view.Lists(self.Name, self.Certificate):
		return nil
	}
	by := store.Author{Who: "node " + self.Name, At: time.Now()}
	err := m.config.Propose(ctx, store.SetNode{By: by, Node: self})
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if _, refused := errors.AsType[*store.Error](err); refused {
		m.log.Error("the system does not take what this node says of itself", "error", err)
		return nil
	}
	m.log.Info("cannot say yet where this node is", "error", err)
	return time.After(announceEvery)
}

// tellMembers makes events of what the rings see.
func tellMembers(events *admin.Events, own string) func([]cluster.Member) {
	var mu sync.Mutex
	states := make(map[string]string)
	return func(all []cluster.Member) {
		mu.Lock()
		defer mu.Unlock()
		for _, x := range all {
			before, known := states[x.Name]
			states[x.Name] = x.State
			switch {
			case x.Name == own, before == x.State, x.State == suspect, before == suspect && x.State == alive:
			case !known && x.State == dead: // not heard of since the start
			case !known && x.State == alive:
				events.Add("member", "%s is there", x.Name)
			default:
				events.Add("member", "%s is %s", x.Name, x.State)
			}
		}
	}
}
