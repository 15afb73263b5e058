package sipcore

import (
	"fmt"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/store"
)

// This file carries calls for help past every rule, as RFC 7406 has it for those who
// have no right to call: no password is asked for, no limit and no feature comes
// before, from whichever network, in whichever domain. What is carried so is a number
// of an emergency service and nothing else, by a trunk, so that nobody calls anybody
// else by it; and so that strangers cannot keep the service busy they are let through
// so many times, and asked for a password beyond.

// EventHelp is the kind of event that tells of a call for help: see Options.Tell.
const EventHelp = "emergency"

// A cry is a call for help as it is read at the caller's site.
type cry struct {
	site   string
	number route.Number
}

// isForHelp reports whether r calls an emergency number, as it is dialled at the site
// of who calls, or at any if he is nobody's. A carrier calls for help nowhere: what
// he asks for so is what he was asked for.
func (s *Server) isForHelp(r request) (c cry, ok bool) {
	from := r.tx.Flow().Remote().Addr()
	number := numberOf(r.uri)
	if r.Method() != message.INVITE || !r.view.MayBeEmergency(number) || r.view.IsCarrier(from) {
		return cry{}, false
	}
	c.site = s.siteOf(r, s.callerOf(r).user)
	c.number, _ = route.Read(r.view, c.site, number)
	return c, c.number.Kind == route.Emergency
}

// help carries a call for help, whatever it asks of proxies. Who has not shown that
// he is the user whom From names calls for his site.
func (s *Server) help(r request, c cry) {
	if !r.hasHops() {
		return
	}
	from, now := r.tx.Flow().Remote().Addr(), time.Now()
	who := s.callerOf(r)
	shown := who.origin.User != "" || r.view.Network(from).CallsTrusted
	switch {
	case shown:
	case s.defence.mayCry(from, now):
		who.user = store.User{}
	case s.defence.isBanned(from, now):
		refuseFor(r.tx, 503, "Too Many Calls For Help", "5")
		return
	default:
		var ok bool
		if who, ok = s.authenticated(r, who); !ok {
			return
		}
	}
	s.carry(r, who, c.site, c.number, store.User{})
}

// helps implements [proxy.Options.Helps].
func (s *Server) helps(c *route.Call, what string) {
	s.helped.add(c.Caller.Number, time.Now())
	if owner, ok := c.View.UserByDirect(c.View.NumberOf(c.Site)); ok {
		s.helped.add(owner.Number, time.Now()) // the service may have been shown that number
	}
	who := "somebody"
	if c.Caller.Number != "" {
		who = c.Caller.Number
		if c.Caller.Name != "" {
			who += " (" + c.Caller.Name + ")"
		}
	}
	at := ""
	if c.Site != "" {
		at = " at site " + c.Site
	}
	if c.Location != "" {
		at += ", " + c.Location + ","
	}
	words := fmt.Sprintf("the call of %s%s to %s %s", who, at, c.Number.Dial, what)
	s.o.Logger.Warn("a call for help", "words", words)
	s.o.Tell(EventHelp, words)
}
