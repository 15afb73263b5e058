package sipcore

import (
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/store"
)

// A caller is who sent a request, as far as we believe it.
type caller struct {
	user   store.User // zero when it is nobody of ours
	origin proxy.Origin
}

// admit decides whether a request outside a dialog may be carried, and answers
// it when not. A connection that registered speaks for the users on it; over
// UDP a source address proves nothing, so there a password is asked for unless
// the network's profile says that calls are trusted.
func (s *Server) admit(r request) (caller, bool) {
	flow := r.tx.Flow()
	if !s.allowedHere(r) {
		return caller{}, false
	}
	network := r.view.Network(flow.Remote().Addr())
	from, local := s.fromUser(r)
	c := caller{user: from, origin: proxy.Origin{Flow: flow}}
	if local {
		if b, ok := s.o.Bindings.OnFlow(flow.ID(), from.Number); ok {
			c.origin.User, c.origin.Device = b.User, b.Device
		}
	}
	switch {
	case network.CallsTrusted:
		return c, true
	case flow.Kind().Reliable() && c.origin.User != "":
		return c, true
	case flow.Kind().Reliable() && s.o.Bindings.HasFlow(flow.ID()):
		respondOnce(r.tx, 403, "From Is Not Registered Here")
		return caller{}, false
	}
	return c, s.authenticated(r, from.Number)
}

// allowedHere refuses who is in a network that no site has.
func (s *Server) allowedHere(r request) bool {
	if r.view.Network(r.tx.Flow().Remote().Addr()).Known {
		return true
	}
	respondOnce(r.tx, 403, "Network Not Allowed")
	return false
}

// fromUser returns the user of ours that the From header field names.
func (s *Server) fromUser(r request) (store.User, bool) {
	value, _ := r.Header(message.From)
	address, err := message.ParseNameAddr(value)
	if err != nil {
		return store.User{}, false
	}
	uri, err := message.ParseURI(address.URI)
	if err != nil || !s.proxy.IsSystems(r.view, uri) {
		return store.User{}, false
	}
	return r.view.User(uri.UserUnescaped())
}

// authenticated checks the caller's password, and asks for it when it is
// missing (RFC 3261 section 22.3). Who knows one user's password does not call
// in another's name.
func (s *Server) authenticated(r request, number string) bool {
	now := time.Now()
	find := func(user string) (store.Digests, bool) {
		u, ok := r.view.User(user)
		return u.Digests, ok
	}
	user, result := s.checker.Check(r.Message, message.ProxyAuthorization, r.view.Domain(), find, now)
	switch {
	case result == auth.OK && user == number:
		return true
	case result == auth.OK:
		respondOnce(r.tx, 403, "From Is Another User")
	case result == auth.Malformed:
		respondOnce(r.tx, 400, "Bad Proxy-Authorization")
	default:
		s.challenge(r, result == auth.Stale, now)
	}
	return false
}

func (s *Server) challenge(r request, stale bool, now time.Time) {
	reply := r.Reply(407, "", r.tx.Tag())
	for _, value := range s.checker.ChallengeFor(r.Message, r.view.Domain(), stale, now) {
		reply.Add(message.ProxyAuthenticate, value)
	}
	r.tx.RespondOnce(reply.AppendTo(nil))
}
