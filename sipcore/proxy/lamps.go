package proxy

import (
	"strings"

	"carillon/sipcore/dialog"
	"carillon/sipcore/message"
	"carillon/sipcore/route"
)

// This file says who is in a call, for the table of calls and for lamps.

// caller is who sent the request.
func (f *fork) caller() dialog.Party {
	from := dialog.Party{Number: f.call.Caller.Number, Name: f.call.Caller.Name, IsUser: f.call.Caller.Number != "", Private: f.call.Withheld}
	if !from.IsUser {
		from.Number, from.Name = strangersWords(userOf(f.m)), strangersWords(displayOf(f.m))
	}
	if value, ok := f.m.Header(message.Privacy); ok && !strings.EqualFold(value, "none") {
		from.Private = true
	}
	return from
}

// strangersWords bounds what somebody wrote or dialled.
func strangersWords(s string) string {
	const most = 64
	return strings.ToValidUTF8(s[:min(len(s), most)], "?")
}

func displayOf(m *message.Message) string {
	value, _ := m.Header(message.From)
	a, _ := message.ParseNameAddr(value)
	return a.Display
}

// callee is who is called: by who picks a call up, its caller.
func callee(c *route.Call, v route.Verdict) dialog.Party {
	if take, ok := v.(route.Take); ok && !take.Talk.Other.Private {
		other := take.Talk.Other
		return dialog.Party{Number: other.Number, Name: other.Name, IsUser: other.User != ""}
	}
	if c.Callee.Number == "" {
		return dialog.Party{Number: strangersWords(c.Number.Dial)}
	}
	return dialog.Party{Number: c.Callee.Number, Name: c.Callee.Name, IsUser: true}
}

// light has a lamp show that the branch rings.
func (b *branch) light(m *message.Message) {
	if f := b.fork; f.dialog != "" && !b.lit && !b.dark && !f.canceled {
		b.lit = true
		f.p.o.Calls.Rang(f.dialog, b.user(), m.ToTag())
	}
}

// darken has the lamp show that the branch does not ring any more. A 180 that was on its
// way does not light it again.
func (b *branch) darken() {
	b.dark = true
	if b.lit {
		b.lit = false
		b.fork.p.o.Calls.Stopped(b.fork.dialog, b.user())
	}
}

// user is whose phone it goes to; empty: nobody's of ours.
func (b *branch) user() string {
	switch {
	case b.target.IsTrunk():
		return ""
	case b.fork.pick != nil && !b.fork.guest():
		return b.fork.pick.caller
	}
	return b.target.User
}
