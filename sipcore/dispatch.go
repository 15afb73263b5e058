package sipcore

import (
	"errors"
	"strconv"
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
)

// A request is one new request with what was found out about it.
type request struct {
	*message.Message
	tx   *transaction.Server
	view *store.View
	uri  message.URI
}

// Request implements [transaction.User]: one new request, its transaction
// locked.
func (s *Server) Request(tx *transaction.Server) {
	r := request{Message: tx.Request(), tx: tx, view: s.o.Store.View()}
	if status, reason := r.check(); status != 0 {
		respondOnce(tx, status, reason)
		return
	}
	switch {
	case tx.Flow().Kind() == transport.Node:
		s.fromNode(r)
	case s.draining.Load() && r.ToTag() == "":
		respondWith(tx, 503, field{"Retry-After", "5"})
	case r.Method() == message.REGISTER:
		s.register(r)
	case r.ToTag() != "" || r.Count(message.Route) > 0:
		s.within(r)
	default:
		s.outside(r)
	}
}

// check refuses what nobody may act on (RFC 3261 sections 8.2 and 16.3). It
// returns status 0 when there is nothing wrong.
func (r *request) check() (status int, reason string) {
	if err := r.Validate(); err != nil {
		if syntax, ok := errors.AsType[*message.SyntaxError](err); ok {
			return syntax.Status, syntax.Reason
		}
		return 400, ""
	}
	uri, err := message.ParseURI(r.RequestURI())
	if err != nil {
		return 400, "Bad Request-URI"
	}
	r.uri = uri
	switch strings.ToLower(uri.Scheme) {
	case "sip", "sips", "tel":
		return 0, ""
	}
	return 416, ""
}

// register hands a REGISTER to the registrar if it is for our domain.
func (s *Server) register(r request) {
	switch {
	case !s.proxy.IsSystems(r.view, r.uri):
		s.o.Logger.Info("registration for another domain refused", "domain", r.uri.Host, "from", r.tx.Flow().Remote().String())
		respondOnce(r.tx, 404, "Domain Not Served Here")
	case r.refusesExtensions(message.Require, "path", "outbound"):
	case s.registersUs(r):
		respondOnce(r.tx, 403, "Contact Points At This Server")
	default:
		s.registrar.Register(r.tx, r.view)
	}
}

// registersUs reports whether a Contact leads back to this system: each call to
// it would come round again, and more than once with more than one of them.
func (s *Server) registersUs(r request) bool {
	for v := range r.Values(message.Contact) {
		address, err := message.ParseNameAddr(v)
		if err != nil {
			continue
		}
		if uri, err := message.ParseURI(address.URI); err == nil && s.proxy.IsSystems(r.view, uri) {
			return true
		}
	}
	return false
}

// within carries a request inside a dialog, or one that has a Route although
// it is outside.
func (s *Server) within(r request) {
	l := s.proxy.Loose(r.view, r.Message, r.tx.Flow())
	switch {
	case l.InDialog:
		if r.mayGoOn() && s.allowedHere(r) {
			s.proxy.Within(r.tx, r.view, l, proxy.Origin{Flow: r.tx.Flow()})
		}
	case r.ToTag() == "":
		s.outside(r)
	default:
		respondOnce(r.tx, 481, "")
	}
}

// outside handles a request that begins something.
func (s *Server) outside(r request) {
	ours := s.proxy.IsSystems(r.view, r.uri) || isTel(r.uri)
	switch m := r.Method(); {
	case ours && r.uri.User == "":
		s.forUs(r)
	case m == message.BYE || m == message.PRACK || m == message.UPDATE:
		respondOnce(r.tx, 481, "")
	case m == message.SUBSCRIBE || m == message.PUBLISH:
		respondWith(r.tx, 489, field{"Allow-Events", ""})
	case s.proxy.Loops(r.Message):
		respondOnce(r.tx, 482, "")
	case r.mayGoOn():
		if from, ok := s.admit(r); ok {
			s.call(r, from, ours)
		}
	}
}

// mayGoOn answers what a proxy must not forward: a request that has made too
// many hops, or one that asks proxies for something we do not know.
func (r *request) mayGoOn() bool {
	if value, ok := r.Header(message.MaxForwards); ok {
		if n, err := strconv.Atoi(value); err == nil && n == 0 {
			respondOnce(r.tx, 483, "")
			return false
		}
	}
	return !r.refusesExtensions(message.ProxyRequire)
}

// refusesExtensions answers 420 when the request demands an option that is not
// known here (RFC 3261 sections 8.2.2.3 and 16.3 step 5).
func (r *request) refusesExtensions(header message.Name, known ...string) bool {
	if r.Count(header) == 0 {
		return false
	}
	unknown := unknownOptions(r.Message, header, known)
	if unknown == "" {
		return false
	}
	respondWith(r.tx, 420, field{"Unsupported", unknown})
	return true
}

func unknownOptions(m *message.Message, header message.Name, known []string) string {
	var unknown []string
	for option := range m.Values(header) {
		if !containsFold(known, option) {
			unknown = append(unknown, option)
		}
	}
	return strings.Join(unknown, ", ")
}

func containsFold(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}

// call gives a request to the callee it names.
func (s *Server) call(r request, from caller, ours bool) {
	if !ours {
		respondOnce(r.tx, 404, "Domain Not Served Here")
		return
	}
	number := r.uri.UserUnescaped()
	if isTel(r.uri) {
		number = withoutSeparators(number)
	}
	callee, ok := r.view.User(number)
	if !ok {
		callee, ok = r.view.UserByDirect(number)
	}
	if !ok {
		respondOnce(r.tx, 404, "")
		return
	}
	s.proxy.Call(r.tx, &route.Call{View: r.view, Caller: from.user, Callee: callee}, from.origin)
}

// Ack implements [transaction.User].
func (s *Server) Ack(f transport.Flow, m *message.Message) {
	if hops, _ := m.Header(message.MaxForwards); hops != "0" && m.Validate() == nil {
		s.proxy.Ack(s.o.Store.View(), m, f)
	}
}

// Cancel implements [transaction.User].
func (s *Server) Cancel(tx *transaction.Server, cancel *message.Message) { s.proxy.Cancel(tx, cancel) }

// Stray implements [transaction.User]: a response that nobody waits for any
// more is dropped; forwarding it would make us a reflector (RFC 4475 section
// 3.3.10).
func (s *Server) Stray(transport.Flow, *message.Message) {}
