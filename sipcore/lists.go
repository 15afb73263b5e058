package sipcore

import (
	"errors"
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/presence"
	"carillon/sipcore/proxy"
	"carillon/store"
)

// What phones ask for who watch many users by one subscription: RFC 4662 and 5367.
const (
	lists    = "eventlist"
	ownLists = "recipient-list-subscribe"
)

// listName is the user part that names the lamps of whoever subscribes: the same address
// goes into every phone.
const listName = "lamps"

// watchList gives a SUBSCRIBE for a list to the notifier: for the one that the phone
// brings, or its user's own. It is false for who asks for a single user.
func (s *Server) watchList(r request, from caller) bool {
	brings := presence.BringsList(r.Message)
	own, ok := r.view.User(from.user.Number)
	switch {
	case r.HasToken(message.Require, ownLists) && !brings:
		respondWith(r.tx, 415, field{"Accept", presence.ListType})
	case !brings && !isListName(r):
		return false
	case !r.HasToken(message.Supported, lists) && !r.HasToken(message.Require, lists):
		respondWith(r.tx, 421, field{"Require", lists})
	case brings:
		s.watchBrought(r, from)
	case !ok || len(own.Lamps) == 0:
		proxy.Respond(r.tx, 404, "No Lamps Configured")
	default:
		l := presence.List{Configured: true, Entries: presence.EntriesOf(own.Lamps, r.view.Domain())}
		s.events.SubscribeList(r.tx, r.view, from.user.Number, l)
	}
	return true
}

// isListName reports whether the Request-URI names the lamps of who subscribes; a user of
// that name comes first.
func isListName(r request) bool {
	number := numberOf(r.uri)
	_, taken := userCalled(r.view, number)
	return strings.EqualFold(number, listName) && !taken
}

// watchBrought has a phone watch the list that it brings.
func (s *Server) watchBrought(r request, from caller) {
	uris, err := presence.ListIn(r.Message)
	switch {
	case errors.Is(err, presence.ErrEncoding):
		respondWith(r.tx, 415, field{"Accept-Encoding", presence.ListEncoding})
		return
	case err != nil || len(uris) == 0:
		proxy.Respond(r.tx, 400, "Bad List")
		return
	case len(uris) > store.MostLamps:
		proxy.Respond(r.tx, 413, "Too Many Lamps")
		return
	}
	var l presence.List
	for _, uri := range uris {
		l.Entries = append(l.Entries, presence.Entry{URI: uri, User: s.userAt(r.view, uri)})
	}
	s.events.SubscribeList(r.tx, r.view, from.user.Number, l)
}

// userAt returns the number of the user whom a URI names, "" for nobody of ours.
func (s *Server) userAt(view *store.View, text string) string {
	uri, err := message.ParseURI(text)
	if err != nil || !isTel(uri) && !s.proxy.IsSystems(view, uri) {
		return ""
	}
	user, _ := userCalled(view, numberOf(uri))
	return user.Number
}
