package sipcore

import (
	"fmt"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/store"
)

// This file carries calls for help past every rule: no password is asked for, no
// limit and no feature comes before. Only who calls from a network that is not ours
// has to be one of our users.

// isForHelp reports whether r calls an emergency number, as it is dialled at its
// site. A carrier calls for help nowhere.
func (s *Server) isForHelp(r request) bool {
	if r.Method() != message.INVITE || r.view.IsCarrier(r.tx.Flow().Remote().Addr()) {
		return false
	}
	if isSOS(r.RequestURI()) || r.view.IsEmergency(r.uri.User) {
		return true
	}
	site, ok := r.view.Site(r.view.Network(r.tx.Flow().Remote().Addr()).Site)
	if !ok || site.Outside == "" {
		return false
	}
	number, _ := route.Read(r.view, site.Name, numberOf(r.uri))
	return number.Kind == route.Emergency
}

// help carries a call for help, whatever it asks of proxies. Who has not shown that
// he is the user whom From names calls for his site.
func (s *Server) help(r request) {
	if !r.hasHops() {
		return
	}
	network := r.view.Network(r.tx.Flow().Remote().Addr())
	c := s.callerOf(r)
	switch {
	case !network.Known:
		var ok bool
		if c, ok = s.authenticated(r, c); !ok {
			return
		}
	case !network.CallsTrusted && c.origin.User == "":
		c.user = store.User{}
	}
	s.call(r, c, true)
}

// helps implements [proxy.Options.Helps].
func (s *Server) helps(c *route.Call, what string) {
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
	s.o.Tell("emergency", words)
}
