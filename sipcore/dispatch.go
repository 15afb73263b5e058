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
	if s.turnsAway(&r) {
		return
	}
	if status, reason := r.check(); status != 0 {
		refuse(tx, status, reason)
		return
	}
	switch {
	case tx.Flow().Kind() == transport.Node:
		s.fromNode(r)
	case s.draining.Load() && r.ToTag() == "" && r.Method() != message.INVITE:
		turnAway(tx)
	case r.Method() == message.REGISTER:
		s.register(r)
	case r.ToTag() != "":
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
	if isSOS(r.RequestURI()) {
		r.uri = message.URI{Scheme: "sip", User: r.view.Emergency()[0], Host: r.view.Domain()}
		return 0, ""
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
	case r.view.IsCarrier(r.tx.Flow().Remote().Addr()):
		refuse(r.tx, 403, "A Carrier Does Not Register")
	case !s.proxy.IsSystems(r.view, r.uri):
		s.registrar.OtherDomain(r.uri.Host, r.tx.Flow().Remote())
		refuse(r.tx, 404, "Domain Not Served Here")
	case r.refusesExtensions(message.Require, "path", "outbound"):
	default:
		s.registrar.Register(r.tx, r.view)
	}
}

// within carries a request inside a dialog for the two phones that are in it.
// Its token says which dialog; who sent it is looked at each time, because a
// token is seen by more than those two, and stays good when the call is over. A call
// goes on when its network is not allowed any more.
func (s *Server) within(r request) {
	if r.Method() == message.SUBSCRIBE && s.resubscribe(r) {
		return
	}
	l := s.proxy.Loose(r.view, r.Message, r.tx.Flow())
	switch {
	case !r.isHeard() && (!l.InDialog || !l.Party):
		refuse(r.tx, 403, "Network Not Allowed")
	case !l.InDialog:
		refuse(r.tx, 481, "")
	case r.Method() == message.REFER && r.view.IsCarrier(r.tx.Flow().Remote().Addr()):
		refuse(r.tx, 403, "A Carrier Transfers Nobody") // the phone would call whom it says
	case r.Method() == message.REFER && !l.NamesPhone() && r.tx.Flow().Kind() != transport.Node && !r.view.Network(r.tx.Flow().Remote().Addr()).CallsTrusted:
		refuse(r.tx, 403, "Who Calls For Help Transfers Nobody") // the carrier would call whom he says
	case !l.Party && !s.provesParty(r, l):
	case r.mayGoOn():
		s.proxy.Within(r.tx, r.view, l, proxy.Origin{Flow: r.tx.Flow()})
	}
}

// outside handles a request that begins something, whatever Route it has.
func (s *Server) outside(r request) {
	ours := s.isOurs(r)
	switch m := r.Method(); {
	case ours && r.uri.User == "":
		s.forUs(r)
	case m == message.BYE || m == message.PRACK || m == message.UPDATE:
		refuse(r.tx, 481, "")
	case m == message.SUBSCRIBE:
		s.subscribe(r)
	case m == message.PUBLISH:
		s.publish(r)
	case s.proxy.Loops(r.Message):
		refuse(r.tx, 482, "")
	default:
		s.asks(r, ours)
	}
}

// asks handles a request for somebody: whoever calls for help comes first.
func (s *Server) asks(r request, ours bool) {
	if c, ok := s.isForHelp(r); ok {
		s.help(r, c)
		return
	}
	switch {
	case s.draining.Load():
		turnAway(r.tx)
	case r.mayGoOn():
		s.begin(r, ours)
	}
}

// turnAway has a phone try its next server (RFC 3261 section 21.5.4).
func turnAway(tx *transaction.Server) { respondWith(tx, 503, field{"Retry-After", "5"}) }

// isOurs reports whether the Request-URI names a user of this system.
func (s *Server) isOurs(r request) bool { return s.proxy.IsSystems(r.view, r.uri) || isTel(r.uri) }

// mayGoOn answers what a proxy must not forward: a request that has made too
// many hops, or one that asks proxies for something we do not know.
func (r *request) mayGoOn() bool {
	return r.hasHops() && !r.refusesExtensions(message.ProxyRequire)
}

// hasHops answers a request that has made too many hops.
func (r *request) hasHops() bool {
	if value, ok := r.Header(message.MaxForwards); ok {
		if n, err := strconv.Atoi(value); err == nil && n == 0 {
			refuse(r.tx, 483, "")
			return false
		}
	}
	return true
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

// begin carries a request outside a dialog for whoever may send it: a carrier, or
// who is admitted.
func (s *Server) begin(r request, ours bool) {
	if t, ok := s.carrier(r); ok {
		s.comesIn(r, t, ours)
		return
	}
	if from, ok := s.admit(r); ok {
		s.admitted(r, from, ours)
	}
}

// admitted carries the request of somebody who may send it.
func (s *Server) admitted(r request, from caller, ours bool) {
	switch r.Method() {
	case message.SUBSCRIBE:
		s.watch(r, from, ours)
	case message.PUBLISH:
		s.published(r, from, ours)
	default:
		s.call(r, from, ours)
	}
}

// call gives a request to the callee it names.
func (s *Server) call(r request, from caller, ours bool) {
	if !ours {
		proxy.Respond(r.tx, 404, "Domain Not Served Here")
		return
	}
	site := s.siteOf(r, from.user)
	number, callee := route.Read(r.view, site, numberOf(r.uri))
	if number.Kind != route.Desk && r.Method() != message.INVITE {
		proxy.Respond(r.tx, 404, "") // no carrier is asked for anything else, and no operator
		return
	}
	if !s.picksUpLater(r, site, number, func() { s.carry(r, from, site, number, callee) }) {
		s.carry(r, from, site, number, callee)
	}
}

// carry gives a request to whom its number reaches.
func (s *Server) carry(r request, from caller, site string, number route.Number, callee store.User) {
	location := ""
	var replaces *route.Replaces
	if number.Kind == route.Emergency {
		location = r.view.Network(r.tx.Flow().Remote().Addr()).Location
	} else if of, ok := r.replaces(); ok {
		replaces = of
	} else {
		return
	}
	s.proxy.Call(r.tx, &route.Call{
		Location: location,
		View:     r.view, Caller: from.user, Callee: callee, Number: number, Site: site, Alone: s.o.Alone(),
		Shown: from.shown, Withheld: from.withheld || proxy.WithholdsName(r.Message),
		Replaces: replaces, Direct: r.isDirect(),
	}, from.origin)
}

// Ack implements [transaction.User].
func (s *Server) Ack(f transport.Flow, m *message.Message) {
	if hops, _ := m.Header(message.MaxForwards); hops != "0" && m.Validate() == nil {
		s.proxy.Ack(s.o.Store.View(), m, f)
	}
}

// Cancel implements [transaction.User].
func (s *Server) Cancel(tx *transaction.Server, cancel *message.Message) { s.proxy.Cancel(tx, cancel) }

// Broke implements [transaction.User].
func (s *Server) Broke(tx *transaction.Server) { s.proxy.Abort(tx) }

// Stray implements [transaction.User]: a response that nobody waits for any
// more is dropped; forwarding it would make us a reflector (RFC 4475 section
// 3.3.10).
func (s *Server) Stray(transport.Flow, *message.Message) {}
