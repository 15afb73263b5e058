package sipcore

import (
	"slices"
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/store"
	"carillon/store/live"
)

// A caller is who sent a request, as far as we believe it.
type caller struct {
	user     store.User // zero when it is nobody of ours
	origin   proxy.Origin
	withheld bool   // From does not say who it is
	shown    string // the number by which From names him
}

// admit decides whether a request outside a dialog may be carried, and answers
// it when not, or carries it later: see admitLater. A connection that registered speaks for the users on it; over
// UDP a source address proves nothing, so there a password is asked for unless
// the network's profile says that calls are trusted.
func (s *Server) admit(r request) (caller, bool) {
	flow := r.tx.Flow()
	network := r.view.Network(flow.Remote().Addr())
	c := s.callerOf(r)
	if status, why := s.barred(r, network, c); status != 0 {
		refuse(r.tx, status, why)
		return caller{}, false
	}
	switch {
	case network.CallsTrusted && r.Method() != message.PUBLISH: // nobody writes unproven
		return c, true
	case flow.Kind().Reliable() && c.origin.User != "":
		return c, true
	case flow.Kind().Reliable() && !c.withheld && s.o.Bindings.HasFlow(flow.ID()):
		refuse(r.tx, 403, "From Is Not Registered Here")
		return caller{}, false
	}
	return s.authenticated(r, c)
}

// barred returns why nothing may begin from a network, whoever it is; status 0 if
// it may. Who roams may call from everywhere, and says who he is. Who calls for help
// does not come here: see help.
func (s *Server) barred(r request, n store.Network, c caller) (status int, why string) {
	switch {
	case !n.Known && !c.user.Roams:
		return 403, "Network Not Allowed"
	case n.Known && !n.Takes(r.tx.Flow().Kind().String()) && !c.user.Roams:
		return 403, "Transport Not Allowed In This Network"
	case n.MostCalls > 0 && r.Method() == message.INVITE && s.callsFrom(r.view, n) >= n.MostCalls:
		return 486, "Too Many Calls In This Network"
	}
	return 0, ""
}

// callsFrom counts the calls of this node whose callers are registered in a network.
func (s *Server) callsFrom(view *store.View, n store.Network) (count int) {
	var room [2]live.Binding
	for _, c := range s.o.Calls.All() {
		here := func(b live.Binding) bool { return view.Network(b.Source.Addr()).Prefix == n.Prefix }
		if slices.ContainsFunc(s.o.Bindings.AppendOf(room[:0], c.From), here) {
			count++
		}
	}
	return count
}

// callerOf returns who the From header field names. Who does not want to be named
// there is the user of his connection, if that has just one.
func (s *Server) callerOf(r request) caller {
	uri, ok := r.fromURI()
	switch {
	case !ok:
	case isWithheld(uri):
		number, _ := s.o.Bindings.OnlyUser(r.tx.Flow().ID())
		c := s.named(r, number)
		c.withheld = true
		return c
	case isTel(uri) || s.proxy.IsSystems(r.view, uri):
		number := numberOf(uri)
		user, _ := userCalled(r.view, number)
		c := s.named(r, user.Number)
		c.shown = number
		return c
	}
	return s.named(r, "")
}

// named returns a user as the sender of r, and his phone if it is registered on
// the same flow.
func (s *Server) named(r request, number string) caller {
	c := caller{origin: proxy.Origin{Flow: r.tx.Flow()}}
	user, ok := r.view.User(number)
	if !ok {
		return c
	}
	c.user = user
	if b, registered := s.o.Bindings.OnFlow(c.origin.Flow.ID(), number); registered {
		c.origin.User, c.origin.Device = b.User, b.Device
		c.origin.Instance = flowOf(b)
	}
	return c
}

// authenticated checks the caller's password, and asks for it when it is
// missing (RFC 3261 section 22.3). Who knows one user's password does not call
// in another's name, but may withhold his own.
func (s *Server) authenticated(r request, c caller) (caller, bool) {
	now := time.Now()
	find := func(user string) (store.Digests, bool) {
		u, ok := r.view.User(user)
		return u.Digests, ok
	}
	user, result := s.checker.Check(r.Message, message.ProxyAuthorization, r.view.Domain(), r.sender(), find, now)
	if result == auth.Elsewhere {
		s.admitLater(r, c)
		return caller{}, false
	}
	return s.checked(r, c, user, result, now)
}

// checked goes on when it is known what the password is worth.
func (s *Server) checked(r request, c caller, user string, result auth.Result, now time.Time) (caller, bool) {
	switch {
	case result == auth.OK && c.withheld:
		return s.named(r, user), true
	case result == auth.OK && user == c.user.Number:
		return c, true
	case result == auth.OK:
		proxy.Respond(r.tx, 403, "From Is Another User") // again, if asked again: the nonce is used up
	case result == auth.TooSoon:
		refuseFor(r.tx, 500, "Too Many Wrong Passwords", s.checker.RetryAfter(user, r.sender(), now))
	case result == auth.Malformed:
		refuse(r.tx, 400, "Bad Proxy-Authorization")
	default:
		s.challenge(r, result == auth.Stale, now)
	}
	return caller{}, false
}

// provesParty asks who sends a request within a dialog on a flow that nobody has
// registered on: a phone whose connection was lost, or that has gone to another node,
// follows its Route by a new one. Its password shows that it is one of the two.
func (s *Server) provesParty(r request, l *proxy.Loose) bool {
	if !l.NamesUsers() || s.o.Bindings.HasFlow(r.tx.Flow().ID()) {
		refuse(r.tx, 403, "Not Your Call")
		return false
	}
	now := time.Now()
	find := func(user string) (store.Digests, bool) {
		u, ok := r.view.User(user)
		return u.Digests, ok && l.Names(user)
	}
	user, result := s.checker.Check(r.Message, message.ProxyAuthorization, r.view.Domain(), r.sender(), find, now)
	switch {
	case result == auth.OK && l.Names(user):
		return true
	case result == auth.OK || result == auth.Elsewhere:
		refuse(r.tx, 403, "Not Your Call")
	default:
		s.checked(r, caller{}, user, result, now)
	}
	return false
}

func (r *request) sender() auth.Sender {
	flow := r.tx.Flow()
	return auth.Sender{Addr: flow.Remote().Addr(), Connected: flow.Kind().Reliable()}
}

func (s *Server) challenge(r request, stale bool, now time.Time) {
	reply := r.Reply(407, "", r.tx.Tag())
	for _, value := range s.checker.ChallengeFor(r.Message, r.view.Domain(), stale, r.sender().Addr, now) {
		reply.Add(message.ProxyAuthenticate, value)
	}
	r.tx.RespondOnce(reply.AppendTo(nil))
}
