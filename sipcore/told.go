package sipcore

import (
	"strings"

	"carillon/sipcore/feature"
	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/store/live"
)

// told presents the table of presence in the words of routing: what the watchers of
// a user are told is what his calls go by.
type told struct{ table *live.Presences }

// PresenceOf implements [feature.PresenceFinder].
func (t told) PresenceOf(number string) feature.Told {
	state := t.table.Of(number)
	first := state.First()
	return feature.Told{Activity: first.Activity, Open: first.Open, Version: state.Version}
}

// isDirect reports whether r is for the very phones of whom it names: what is no call,
// and what takes the place of a call that is there.
func (r *request) isDirect() bool {
	return r.Method() != message.INVITE || r.Has(message.Replaces)
}

// comesBack reports whether a carrier's call was sent out by one of our users: where it
// went sends its calls to us. It does not go out again.
func (r *request) comesBack(site string) bool {
	for v := range r.Values(message.Diversion) {
		a, err := message.ParseNameAddr(v)
		if err != nil {
			continue
		}
		uri, err := message.ParseURI(a.URI)
		if n, _ := route.ReadFrom(r.view, site, numberOf(uri)); err == nil && n.Kind == route.Desk {
			return true
		}
	}
	return false
}

// isCallBack reports whether an emergency service calls back (RFC 7090). A carrier's
// word alone is worth that.
func (r *request) isCallBack() bool {
	value, _ := r.Header(message.Priority)
	return strings.EqualFold(strings.TrimSpace(value), "psap-callback")
}

// fromNumber is the number that From names; empty if it names none.
func (r *request) fromNumber() string {
	uri, ok := r.fromURI()
	if !ok || isWithheld(uri) {
		return ""
	}
	return numberOf(uri)
}
