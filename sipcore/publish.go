package sipcore

import (
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/store"
)

// publish handles a PUBLISH. What nobody can publish here is refused before anybody is
// asked who he is.
func (s *Server) publish(r request) {
	switch events, ok := s.publisher.TakesEvent(r.Message); {
	case !ok:
		respondWith(r.tx, 489, field{"Allow-Events", events})
	case r.view.IsCarrier(r.tx.Flow().Remote().Addr()):
		refuse(r.tx, 403, "A Carrier Publishes Nothing")
	case r.refusesExtensions(message.Require):
	default:
		if from, ok := s.admit(r); ok {
			s.admitted(r, from, s.isOurs(r))
		}
	}
}

// published gives a PUBLISH of somebody who was admitted to who takes it: each user
// speaks of himself, and one of everybody if the primary source is his address.
func (s *Server) published(r request, from caller, ours bool) {
	user, ok := userCalled(r.view, numberOf(r.uri))
	switch {
	case !ours || !ok:
		proxy.Respond(r.tx, 404, "")
	case from.user.Number != user.Number && !isPublisher(r.view, from.user):
		proxy.Respond(r.tx, 403, "Not Yours To Publish")
	default:
		s.publisher.Publish(r.tx, user.Number, from.user.Number)
	}
}

// isPublisher reports whether what u publishes of others is taken.
func isPublisher(view *store.View, u store.User) bool {
	publisher, is := view.Presence().Publisher()
	return is && publisher == u.Number
}
