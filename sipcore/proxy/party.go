package proxy

import (
	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// isFrom reports whether the request comes from the side that a token names: on
// the flow or from the UDP address that it had when the call began, or from
// where its user is registered now. A caller who was nobody's phone has nothing
// but his flow; when that is lost he must be where calls are trusted.
func (l *Loose) isFrom(p *Proxy, side auth.Token) bool {
	switch {
	case side.Flow == l.flow.ID():
		return true
	case side.Remote.IsValid() && l.flow.Kind() == transport.UDP && side.Remote == l.flow.Remote():
		return true
	case side.User != "":
		return p.o.Phones.SpeaksFor(l.flow, side.User)
	}
	return l.open
}

// follow decides about the Routes behind ours, on the way to h. A phone may
// name only proxies that its peer has: those that it registered through, or the
// one at the other end of its flow. Others are taken out, for we would carry
// requests to anybody. What another node left in has been looked at there.
func (l *Loose) follow(h *hop, from transport.Flow) {
	if l.next == "" || from.Kind() == transport.Node {
		return
	}
	host := hostOf(l.next)
	if addr, ok := message.HostAddr(host); ok && !h.flow.IsZero() && addr.Unmap() == h.flow.Remote().Addr().WithZone("") {
		return
	}
	for _, value := range h.path {
		a, err := message.ParseNameAddr(value)
		if err == nil && host != "" && hostOf(a.URI) == host {
			return
		}
	}
	l.next, l.cut = "", true
}

func hostOf(uri string) string {
	u, err := message.ParseURI(uri)
	if err != nil {
		return ""
	}
	return u.Host
}

// lastResort is where the other side of a dialog may be when the way to it is
// lost: at the Contact that it registered. A caller who never registered has
// none: he is where he was, or at the address in the Request-URI. Nobody else's
// Request-URI is dialled, since any phone in a call could send us anywhere.
func (p *Proxy) lastResort(l *Loose) hop {
	t := l.token
	switch {
	case t.Kind == 0:
		return hop{}
	case t.User == "" && t.Device != "" && !t.Remote.IsValid(): // a phone that was asked past its node
		return hop{}
	case t.User != "":
		if way, ok := p.o.Phones.Locate(t.User, t.Device); ok {
			return p.hopTo(way.uri(), way.Kind)
		}
		return hop{}
	case t.Remote.IsValid():
		flow, _ := p.o.Transport.UDP(t.Remote)
		return hop{flow: flow}
	}
	if _, ok := message.HostAddr(hostOf(l.uri)); !ok {
		return hop{}
	}
	return p.hopTo(l.uri, transport.UDP)
}
