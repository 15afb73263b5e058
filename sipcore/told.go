package sipcore

import (
	"slices"
	"strings"
	"time"

	"carillon/sipcore/dialog"
	"carillon/sipcore/feature"
	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/store"
	"carillon/store/live"
)

// told presents the table of presence in the words of routing: what the watchers of
// a user are told is what his calls go by.
type told struct {
	table *live.Presences
	calls *dialog.Tracker
}

// PresenceOf implements [feature.PresenceFinder].
func (t told) PresenceOf(number string) feature.Told {
	state := t.table.Of(number)
	first := state.First()
	return feature.Told{Activity: first.Activity, Open: first.Open, Version: state.Version}
}

// OutFor implements [feature.PresenceFinder].
func (t told) OutFor(number string) int { return t.calls.OutFor(number) }

// isDirect reports whether r is for the very phones of whom it names: what is no call,
// and what takes the place of a call that is there.
func (r *request) isDirect() bool {
	return r.Method() != message.INVITE || r.Has(message.Replaces)
}

// comesBack reports whether a carrier's call was sent out by one of our users: it comes
// from a number of ours, or has left one. Where it went sends its calls to us, and it does
// not go out again.
func (r *request) comesBack(site string) bool {
	if route.IsOurs(r.view, site, r.fromNumber()) {
		return true
	}
	for v := range r.Values(message.Diversion) {
		if route.IsOurs(r.view, site, numberIn(v)) {
			return true
		}
	}
	return r.hasLeftUs(site)
}

// hasLeftUs reports whether History-Info has a number of ours before the one that is
// called, with which it ends.
func (r *request) hasLeftUs(site string) bool {
	called, others := numberOf(r.uri), false
	for _, v := range slices.Backward(slices.Collect(r.Values(message.HistoryInfo))) {
		n := numberIn(v)
		others = others || !route.SameNumber(r.view, site, n, called)
		if others && route.IsOurs(r.view, site, n) {
			return true
		}
	}
	return false
}

// numberIn is the number in a value that is an address; empty if there is none.
func numberIn(value string) string {
	a, err := message.ParseNameAddr(value)
	if err != nil {
		return ""
	}
	uri, err := message.ParseURI(a.URI)
	if err != nil {
		return ""
	}
	return numberOf(uri)
}

// callsBack reports whether an emergency service may be calling back (RFC 7090): it says
// so, for which a carrier's word alone is enough, or who is called has called for help.
func (s *Server) callsBack(r request, callee store.User) bool {
	value, _ := r.Header(message.Priority)
	return strings.EqualFold(strings.TrimSpace(value), "psap-callback") || s.helped.has(callee.Number, time.Now())
}

// fromNumber is the number that From names; empty if it names none.
func (r *request) fromNumber() string {
	uri, ok := r.fromURI()
	if !ok || isWithheld(uri) {
		return ""
	}
	return numberOf(uri)
}
