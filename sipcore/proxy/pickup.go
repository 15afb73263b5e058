package proxy

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/store"
)

// This file gives a call that rings to who picks it up. Two INVITEs meet: that of the
// caller, whose fork rings phones, and that of who picks up. Only the node that holds the
// caller's decides, with it locked, and who is first has the call; the other INVITE is
// brought there. A proxy cannot join the two, phones can:
//
// A caller's phone that knows Replaces (RFC 3891) gets the second INVITE, answers it, and
// lets the first go. Any other caller, a carrier before all, is answered by the phone that
// picks up: its own INVITE ends, and the caller's goes to it as well, with the wish to
// be answered at once, because it has been already.
//
// No two transactions are locked at once: one asks the other from a goroutine.

// pickPatience is how long the caller's phone may take to let itself be picked up, and
// that of who picks up to answer.
const pickPatience = 10 * time.Second

// A pickup is what an INVITE that picks up knows.
type pickup struct {
	callID   string // of the call that is picked up
	tag      string // of its caller
	replaces string // the Replaces that it goes on with; "" for the one that it has
	caller   string // the user who is picked up, if he is one
	by       Origin // the phone that picks up
	way      Way    // to it, should it not be registered

	rings *fork // the caller's, while this INVITE alone may have it
	asked bool  // the caller's phone was asked

	taken atomic.Bool // the caller's phone has answered: it lets its own INVITE go
}

// take carries out route.Take.
func (f *fork) take(t *route.Talk) {
	again := *f.call
	again.Outcome = route.Failed // nobody has another idea
	f.call = &again
	f.pick = &pickup{
		callID: t.CallID, tag: t.RemoteTag, caller: t.Other.User, by: f.origin, way: wayBack(f.m, f.origin),
		replaces: t.CallID + ";to-tag=" + t.RemoteTag + ";from-tag=" + t.LocalTag + ";early-only",
	}
	if t.Node == f.p.o.Node {
		f.claim()
		return
	}
	f.starting = true
	to := route.Target{URI: f.m.RequestURI(), Route: t.Node, User: t.Other.User}
	f.open(&branch{fork: f, target: to, breadth: f.breadth}).toNode(t.Node, false)
	f.starting = false
	f.settle()
}

// PickUp carries an INVITE that another node has admitted, of a phone that picks up a
// call which this one holds. tx must be locked.
func (p *Proxy) PickUp(tx *transaction.Server, view *store.View, to Named, from Origin) {
	f := p.fork(tx, view, from, nil)
	f.secure = to.Secure
	f.trying()
	value, _ := f.m.Header(message.Replaces)
	of, err := message.ParseReplaces(value)
	if err != nil {
		f.finish(400, "Bad Replaces")
		return
	}
	f.pick = &pickup{callID: of.CallID, tag: of.ToTag, by: Origin{User: to.Token.User, Device: to.Token.Device}}
	f.claim()
}

// wayBack leads to the phone that sent an INVITE, as long as its flow lasts.
func wayBack(invite *message.Message, from Origin) Way {
	contact, _ := invite.Header(message.Contact)
	a, err := message.ParseNameAddr(contact)
	if err != nil {
		return Way{}
	}
	return Way{Flow: from.Flow, Kind: from.Flow.Kind(), Contact: a.URI}
}

// isPickup reports whether b goes to one of the two phones that are to be joined: they
// answer by themselves.
func (b *branch) isPickup() bool { return b.picks || b.fork.pick != nil && b.peer.node == "" }

// pickUp writes into the request what picking up needs.
func (b *branch) pickUp(e *message.Edit, m *message.Message) {
	if b.picks {
		e.DropAll(message.AlertInfo)
		e.Append(message.AlertInfo, "<sip:"+b.fork.realm+">;info=alert-autoanswer;delay=0")
		e.Append(message.CallInfo, "<sip:"+b.fork.realm+">;answer-after=0")
		e.Append(message.AnswerMode, "Auto")
	}
	pick := b.fork.pick
	if pick == nil || pick.replaces == "" {
		return
	}
	e.DropAll(message.Replaces)
	e.Append(message.Replaces, pick.replaces)
	if !m.HasToken(message.Require, "replaces") {
		e.Append(message.Require, "replaces")
	}
}

// introducePicker tells the caller's phone who has picked up (RFC 3325), for it has
// called somebody else. A carrier is not told.
func (b *branch) introducePicker(e *message.Edit) {
	f := b.fork
	if !b.picks || f.call == nil || f.call.Incoming {
		return
	}
	if user, ok := f.call.View.User(b.target.User); ok {
		e.Append(message.PAssertedIdentity, identity(user, f.realm))
	}
}

func identity(user store.User, domain string) string {
	uri := message.URI{Scheme: "sip", User: user.Number, Host: domain}
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(user.Name)
	return message.NameAddr{Display: name, URI: uri.String()}.String()
}

// forgetPicker lets others pick the call up, when the phone that was to has not.
func (f *fork) forgetPicker() {
	if !slices.ContainsFunc(f.branches, func(b *branch) bool { return b.picks && !b.over }) {
		f.picker = nil
	}
}
