package sipcore

import (
	"slices"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/store/live"
)

// talks presents the table of dialogs in the words of routing.
type talks struct{ dialogs *live.Dialogs }

// CallsOf implements [feature.CallFinder].
func (t talks) CallsOf(number string) []route.Talk {
	var all []route.Talk
	for _, d := range t.dialogs.Of(number) {
		all = append(all, route.Talk{
			Node: d.Node, CallID: d.CallID, LocalTag: d.LocalTag, RemoteTag: d.RemoteTag,
			Called: d.Direction == live.Recipient, Rings: d.State != live.Confirmed, Old: d.Old, Since: d.Since,
			Other: t.other(&d),
		})
	}
	return all
}

// other is the other side of a dialog: a user if that one has a side in it too.
func (t talks) other(d *live.Dialog) route.Party {
	p := route.Party{Name: d.Remote.Display, Private: d.Private}
	if uri, err := message.ParseURI(d.Remote.URI); err == nil {
		p.Number = uri.UserUnescaped()
	}
	if slices.ContainsFunc(t.dialogs.Of(p.Number), func(x live.Dialog) bool { return x.Call == d.Call && x.Direction != d.Direction }) {
		p.User = p.Number
	}
	return p
}

// replaces reads which call a request is to take the place of. It is false when that
// cannot be read, and was answered.
func (r *request) replaces() (of *route.Replaces, ok bool) {
	if r.Method() != message.INVITE || !r.Has(message.Replaces) {
		return nil, true
	}
	text, _ := r.Header(message.Replaces)
	x, err := message.ParseReplaces(text)
	if err != nil || r.Count(message.Replaces) > 1 {
		refuse(r.tx, 400, "Bad Replaces")
		return nil, false
	}
	return &route.Replaces{
		CallID: x.CallID, ToTag: x.ToTag, FromTag: x.FromTag, EarlyOnly: x.EarlyOnly, Referred: r.Has(message.ReferredBy),
	}, true
}
