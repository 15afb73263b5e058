package sipcore

import (
	"carillon/sipcore/message"
	"carillon/sipcore/presence"
	"carillon/sipcore/proxy"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// newEvents connects what may be watched with who watches it.
func (s *Server) newEvents() *presence.Notifier {
	dialogs, states := presence.Dialogs(s.o.Dialogs.Of), presence.Availability(s.o.Presences.Of)
	n := presence.New(presence.Options{
		Packages:     []presence.Package{dialogs, states, presence.Messages(func(string) bool { return false })},
		Transactions: s.transactions, Wheel: s.wheel, Ports: s.transport.Ports(), Logger: s.o.Logger,
		LeadsHere: s.proxy.LeadsHere, Find: s.flowOf, Serves: s.serves, Connect: s.proxy.Connect,
		NameOf: func(user string) string {
			u, _ := s.o.Store.View().User(user)
			return u.Name
		},
	})
	s.unwatch = append(s.unwatch, s.o.Store.Watch(n.Configured))
	s.unwatch = append(s.unwatch, s.o.Dialogs.Watch(func(user string) { n.Changed(dialogs.Name, user) }))
	s.o.Presences.Watch(func(user string) { n.Changed(states.Name, user) })
	return n
}

// Subscriptions returns how many phones' subscriptions this node holds.
func (s *Server) Subscriptions() int { return s.events.Count() }

// Watched returns the users whom phones watch at this node.
func (s *Server) Watched() []string { return s.events.Watched() }

// subscribe handles a SUBSCRIBE that begins something. What nobody could watch is refused
// before anybody is asked who he is.
func (s *Server) subscribe(r request) {
	switch events, ok := s.events.Offers(r.Message); {
	case !ok:
		respondWith(r.tx, 489, field{"Allow-Events", events})
	case r.view.IsCarrier(r.tx.Flow().Remote().Addr()):
		refuse(r.tx, 403, "A Carrier Watches Nobody")
	case r.refusesExtensions(message.Require, lists, ownLists):
	default:
		if from, ok := s.admit(r); ok {
			s.admitted(r, from, s.isOurs(r))
		}
	}
}

// resubscribe handles a SUBSCRIBE within a dialog of ours; false if it is in none. Who
// sends it is looked at like who sends a request within a call: he is on the flow of his
// subscription, or at its address, or is asked who he is.
func (s *Server) resubscribe(r request) bool {
	watcher, proven, ok := s.events.Of(r.Message, r.tx.Flow())
	switch {
	case !ok:
		return false
	case !r.isHeard() && !s.roams(r.view, watcher):
		refuse(r.tx, 403, "Network Not Allowed")
	case proven:
		s.events.Resubscribe(r.tx, r.view)
	default:
		if from, ok := s.admit(r); ok {
			s.admitted(r, from, true)
		}
	}
	return true
}

func (s *Server) roams(view *store.View, user string) bool {
	u, _ := view.User(user)
	return u.Roams
}

// watch gives a SUBSCRIBE of somebody who was admitted to the notifier.
func (s *Server) watch(r request, from caller, ours bool) {
	if r.ToTag() != "" {
		if watcher, _, _ := s.events.Of(r.Message, r.tx.Flow()); watcher != from.user.Number {
			proxy.Respond(r.tx, 403, "Not Your Subscription")
			return
		}
		s.events.Resubscribe(r.tx, r.view)
		return
	}
	if ours && s.watchList(r, from) {
		return
	}
	user, ok := userCalled(r.view, numberOf(r.uri))
	if !ours || !ok {
		proxy.Respond(r.tx, 404, "")
		return
	}
	s.events.Subscribe(r.tx, r.view, from.user.Number, user.Number)
}

// flowOf finds another flow of a phone of user than was: one that it has registered at
// the Contact that it subscribed with, else one from where its flow came from.
func (s *Server) flowOf(user string, was transport.Flow, target string) (found transport.Flow, ok bool) {
	uri, _ := message.ParseURI(target)
	var room [2]live.Binding
	for _, b := range s.o.Bindings.AppendOf(room[:0], user) {
		if b.Node != s.o.Node || b.Flow == 0 || b.Flow == was.ID() {
			continue
		}
		flow, open := s.transport.Find(b.Flow)
		contact, _ := message.ParseURI(b.Contact)
		switch {
		case !open || !flow.IsOpen():
		case contact.Host != "" && contact.Host == uri.Host && contact.Port == uri.Port:
			return flow, true
		case b.Source.Addr().Unmap() == was.Remote().Addr():
			found, ok = flow, true
		}
	}
	return found, ok
}

// serves reports where a user's phones are registered.
func (s *Server) serves(user string) (here, elsewhere bool) {
	var room [2]live.Binding
	for _, b := range s.o.Bindings.AppendOf(room[:0], user) {
		here = here || b.Node == s.o.Node
		elsewhere = elsewhere || b.Node != s.o.Node && !b.Silent
	}
	return here, elsewhere
}
