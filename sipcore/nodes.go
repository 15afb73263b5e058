package sipcore

import (
	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
)

// fromNode takes a request that another node has admitted and routed. Its
// topmost Route names the phone; it is believed because it came on a flow whose
// other end has shown who it is. Nobody is asked for a password again, and no
// feature either.
func (s *Server) fromNode(r request) {
	to, named := s.proxy.Named(r.Message)
	from := proxy.Origin{Flow: r.tx.Flow()}
	switch {
	case !named && r.uri.User == "" && r.Method() != message.REGISTER:
		s.forUs(r)
	case !named:
		proxy.Respond(r.tx, 403, "No Phone Named")
	case to.Over:
		s.calls.EndedBy(r.Message)
		r.tx.Drop()
	case !r.mayGoOn():
	case to.Node != s.o.Node && to.Relay:
		s.proxy.Relay(r.tx, r.view, to, from)
	case to.Node != s.o.Node || s.draining.Load() && r.ToTag() == "":
		proxy.Unreachable(r.tx)
	case to.Token.Kind == auth.Path:
		s.proxy.Deliver(r.tx, r.view, to, from)
	case to.Token.Kind == auth.Pickup && r.Method() == message.INVITE && r.ToTag() == "":
		s.proxy.PickUp(r.tx, r.view, to, from)
	default:
		s.withinFromNode(r, from)
	}
}

func (s *Server) withinFromNode(r request, from proxy.Origin) {
	l := s.proxy.Loose(r.view, r.Message, from.Flow)
	if !l.InDialog {
		proxy.Respond(r.tx, 481, "")
		return
	}
	s.proxy.Within(r.tx, r.view, l, from)
}
