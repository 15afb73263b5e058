package sipcore

import (
	"context"
	"slices"
	"time"

	"carillon/sipcore/feature"
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
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

// other is the other side of a dialog: a user if we are told so, or he has a side in it too.
func (t talks) other(d *live.Dialog) route.Party {
	p := route.Party{Name: d.Remote.Display, Private: d.Private}
	if uri, err := message.ParseURI(d.Remote.URI); err == nil {
		p.Number = uri.UserUnescaped()
	}
	if d.ByUser || slices.ContainsFunc(t.dialogs.Of(p.Number), func(x live.Dialog) bool { return x.Call == d.Call && x.Direction != d.Direction }) {
		p.User = p.Number
	}
	return p
}

// A branch is told of the calls of few sites. Who picks up by code at a desk of another
// one waits until it was told of that one's, or for hearsAfter.
const (
	hearsAfter = 1500 * time.Millisecond
	hearsEvery = 20 * time.Millisecond
)

// picksUpLater has a request that picks up by code go on when this node knows what rings
// there; false if it knows already.
func (s *Server) picksUpLater(r request, site string, number route.Number, goOn func()) bool {
	user := feature.PickedUp(r.view, site, number)
	if user == "" || s.o.Hear == nil || !s.o.Hear(user) {
		return false
	}
	reply := r.Reply(100, "", "")
	r.tx.Answer(100, &reply)
	return s.proxy.Await(r.tx, func(ctx context.Context) error { return s.hears(ctx, user) }, func(error) {
		switch {
		case r.tx.Request() == nil: // it has ended meanwhile
		case r.tx.Canceled():
			proxy.Respond(r.tx, 487, "")
		default:
			goOn()
		}
	})
}

// hears waits until this node knows a call of user, but not for long.
func (s *Server) hears(ctx context.Context, user string) error {
	ctx, cancel := context.WithTimeout(ctx, hearsAfter)
	defer cancel()
	tick := time.NewTicker(hearsEvery)
	defer tick.Stop()
	for len(s.o.Dialogs.Of(user)) == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
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
