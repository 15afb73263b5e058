package proxy

import (
	"net/netip"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store"
)

// Loose is what the Route header fields of a request within a dialog say (RFC
// 3261 section 16.4): which of them are ours, and where they lead.
type Loose struct {
	// InDialog is true when the request has a To tag and one of our Record-Route
	// tokens, made for this very Call-ID and caller's tag, is in its route: its
	// sender takes part in a call that we let pass.
	InDialog bool

	strict bool       // the Request-URI was ours, the real one is the last Route
	ours   int        // Route values of ours, and of other nodes, from the top
	token  auth.Token // of the last of them: the side the request goes to
	text   string     // the same, sealed
	at     netip.Addr // the node that wrote it, when that was not this one
	next   string     // the first Route that is not ours
	uri    string     // the Request-URI to go on with
}

// Loose reads the Route header fields of m, which came on flow.
func (p *Proxy) Loose(view *store.View, m *message.Message, flow transport.Flow) *Loose {
	l := &Loose{uri: m.RequestURI()}
	dialog := dialogOf(m)
	if uri, err := message.ParseURI(l.uri); err == nil && uri.User != "" && p.IsOurs(view, uri) {
		l.strict = l.take(p.o.Sealer, uri.User, dialog)
	}
	for v := range m.Values(message.Route) {
		address, err := message.ParseNameAddr(v)
		if err != nil {
			break
		}
		uri, err := message.ParseURI(address.URI)
		if err != nil || !l.pass(p, view, uri, dialog) {
			l.next = address.URI
			break
		}
		l.ours++
	}
	if l.InDialog && l.ours == 1 && !l.strict && l.token.Flow == flow.ID() {
		l.token, l.at = auth.Token{}, netip.Addr{} // the sender's own side: the Request-URI leads to the other
	}
	if l.strict {
		l.unstrict(m)
	}
	l.InDialog = l.InDialog && m.ToTag() != ""
	return l
}

// sides is what a token may say of the dialog of a request: either of the two
// that are in it may be the one that called.
type sides [2]uint64

func dialogOf(m *message.Message) sides {
	id := m.CallID()
	return sides{auth.DialogHash(id, m.FromTag()), auth.DialogHash(id, m.ToTag())}
}

func (s sides) has(dialog uint64) bool { return s[0] == dialog || s[1] == dialog }

// pass takes one Route value, if it is ours or another node's: what that one
// wrote for this dialog we can read too, and need not go there to follow it.
func (l *Loose) pass(p *Proxy, view *store.View, uri message.URI, dialog sides) bool {
	ours := p.IsOurs(view, uri)
	if !l.take(p.o.Sealer, uri.User, dialog) {
		return ours || p.isPeers(uri)
	}
	l.at = netip.Addr{}
	if !ours {
		l.at, _ = message.HostAddr(uri.Host) // zero when it is a name
	}
	return true
}

// take remembers the token in the user part of one of our URIs, if it was made
// for this dialog.
func (l *Loose) take(sealer *auth.Sealer, user string, dialog sides) bool {
	token, ok := sealer.Open(user)
	if !ok || token.Kind != auth.RecordRoute || !dialog.has(token.Dialog) {
		return false
	}
	l.token, l.text, l.InDialog = token, user, true
	return true
}

// unstrict finds the real Request-URI of a request from a strict router: the
// last Route.
func (l *Loose) unstrict(m *message.Message) {
	for v := range m.Values(message.Route) {
		if a, err := message.ParseNameAddr(v); err == nil {
			l.uri = a.URI
		}
	}
	if l.next == l.uri {
		l.next = ""
	}
}

// edit takes our own hops out of the request.
func (l *Loose) edit(e *message.Edit, m *message.Message) {
	for range l.ours {
		e.DropFirstValue(message.Route)
	}
	if !l.strict {
		return
	}
	e.SetRequestURI(l.uri)
	if l.next == "" {
		e.DropAll(message.Route)
		return
	}
	for i := m.Lines() - 1; i >= 0; i-- {
		if name, _, _ := m.Line(i); name == message.Route {
			e.Drop(i)
			return
		}
	}
}

// IsOurs reports whether uri leads to this node: to one of its listeners or to
// the domain.
func (p *Proxy) IsOurs(view *store.View, uri message.URI) bool {
	addr, err := netip.ParseAddr(unbracket(uri.Host))
	if err != nil {
		return view.IsLocal(uri.Host)
	}
	port := uri.Port
	if port == 0 {
		port = p.o.Port
	}
	return port == p.o.Port && p.o.Transport.IsOwn(addr)
}

// IsSystems reports whether uri leads to this node or to another of the system:
// a phone that knew one by its address may speak to the next.
func (p *Proxy) IsSystems(view *store.View, uri message.URI) bool {
	return p.IsOurs(view, uri) || p.isPeers(uri)
}

func (p *Proxy) isPeers(uri message.URI) bool {
	addr, ok := message.HostAddr(uri.Host)
	if !ok || uri.Port != 0 && uri.Port != p.o.Port {
		return false
	}
	_, ok = p.o.Peers.NodeAt(addr.Unmap())
	return ok
}

func unbracket(host string) string {
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}
