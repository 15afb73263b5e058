package proxy

import (
	"net/netip"
	"slices"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/sipcore/transport"
	"carillon/store"
)

// Loose is what the Route header fields of a request within a dialog say (RFC
// 3261 section 16.4): which of them are ours, and where they lead.
type Loose struct {
	// InDialog is true when one of our Record-Route tokens, made for this very
	// dialog, is in the route: the request belongs to a call that we let pass.
	InDialog bool
	// Party is true when the sender is one of the two that a token names, or
	// another node, which has looked itself.
	Party bool

	users  [2]string      // whom the tokens name, one for each side
	flow   transport.Flow // that the request came on
	dialog [2]uint64      // the dialog that the request is in, as either side may have begun it
	open   bool           // its network may call without a password
	runs   bool           // the dialog is one of a call that was let pass: an earlier key is good enough
	strict bool           // the Request-URI was ours, the real one is the last Route
	ours   int            // Route values of ours, and of other nodes, from the top
	token  auth.Token     // of the last of them: the side the request goes to
	text   string         // the same, sealed
	at     netip.Addr     // the node that wrote it, when that was not this one
	others [2]written     // those of them that other nodes wrote: one for each side
	next   string         // the first Route that is not ours
	cut    bool           // the Routes from there on are not followed
	secure bool           // every hop is to be encrypted
	uri    string         // the Request-URI to go on with
}

// written is a token of the dialog and the address of the node that wrote it.
type written struct {
	at   netip.Addr
	text string
}

// Loose reads the Route header fields of m, which came on flow.
func (p *Proxy) Loose(view *store.View, m *message.Message, flow transport.Flow) *Loose {
	l := &Loose{uri: m.RequestURI(), flow: flow, Party: flow.Kind() == transport.Node}
	if m.ToTag() == "" {
		return l
	}
	l.dialog = [2]uint64{auth.DialogHash(m.CallID(), m.FromTag()), auth.DialogHash(m.CallID(), m.ToTag())}
	l.open = view.Network(flow.Remote().Addr()).CallsTrusted
	l.runs = flow.Kind() == transport.Node || p.o.Sealer.HasEarlier() && p.o.Calls.Carries(m)
	if uri, err := message.ParseURI(l.uri); err == nil && uri.User != "" && p.IsOurs(view, uri) {
		l.strict = l.take(p, uri.User)
	}
	l.secure = isSIPS(l.uri)
	for v := range m.Values(message.Route) {
		address, err := message.ParseNameAddr(v)
		if err != nil {
			break
		}
		uri, err := message.ParseURI(address.URI)
		if err != nil || !l.pass(p, view, uri) {
			l.next = address.URI
			break
		}
		l.ours++
	}
	if l.InDialog && l.ours == 1 && !l.strict && l.token.Flow == flow.ID() {
		l.token, l.at = auth.Token{}, netip.Addr{} // the sender's own side: nothing leads to the other
	}
	if l.strict {
		l.unstrict(m)
	}
	return l
}

// pass takes one Route value, if it is ours or another node's: what that one
// wrote for this dialog we can read too, and need not go there to follow it.
func (l *Loose) pass(p *Proxy, view *store.View, uri message.URI) bool {
	ours := p.IsOurs(view, uri)
	if !l.take(p, uri.User) {
		if !ours && uri.User != "" && l.InDialog && p.isPeers(uri) {
			l.leave(uri)
			return true
		}
		return ours || p.isPeers(uri)
	}
	l.secure = l.secure || uri.IsSIPS()
	l.at = netip.Addr{}
	if !ours {
		l.at, _ = message.HostAddr(uri.Host) // zero when it is a name
	}
	if l.at.IsValid() {
		l.others[0], l.others[1] = l.others[1], written{l.at, uri.User}
	}
	return true
}

// Names reports whether a token says that the user is one of the two sides.
func (l *Loose) Names(user string) bool {
	return user != "" && (user == l.users[0] || user == l.users[1])
}

// NamesUsers reports whether a token names any user.
func (l *Loose) NamesUsers() bool { return l.users != [2]string{} }

// NamesPhone reports whether a token names a user, who is no trunk.
func (l *Loose) NamesPhone() bool {
	return slices.ContainsFunc(l.users[:], func(user string) bool {
		_, isTrunk := route.TrunkOf(user)
		return user != "" && !isTrunk
	})
}

// take remembers the token in the user part of one of our URIs, if it was made
// for this dialog.
func (l *Loose) take(p *Proxy, user string) bool {
	token, ok := p.o.Sealer.Open(user)
	if !ok && l.runs {
		token, ok = p.o.Sealer.OpenEarlier(user)
	}
	if !ok || token.Kind != auth.RecordRoute || token.Dialog != l.dialog[0] && token.Dialog != l.dialog[1] {
		return false
	}
	l.Party = l.Party || l.isFrom(p, token)
	l.users[0], l.users[1] = l.users[1], token.User
	l.token, l.text, l.InDialog = token, user, true
	return true
}

// leave has the request go to another node with a token of its that cannot be
// read here: it may have a key that has not come here yet.
func (l *Loose) leave(uri message.URI) {
	l.token, l.text = auth.Token{}, uri.User
	l.at, _ = message.HostAddr(uri.Host)
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
	if l.cut || l.strict && l.next == "" {
		e.DropAll(message.Route)
	}
	if !l.strict {
		return
	}
	e.SetRequestURI(l.uri)
	if l.next == "" {
		return
	}
	for i := m.Lines() - 1; i >= 0; i-- {
		if name, _, _ := m.Line(i); name == message.Route {
			e.Drop(i)
			return
		}
	}
}

// LeadsHere reports whether a request that is sent to uri comes back: to this
// node, or to another of the system.
func (p *Proxy) LeadsHere(view *store.View, uri message.URI) bool {
	if maddr, ok := uri.Param("maddr"); ok {
		uri.Host = maddr
	}
	if _, numeric := message.HostAddr(uri.Host); numeric && uri.Port == 0 {
		uri.Port = defaultPort
		if isSecure(uri) {
			uri.Port = securePort
		}
	}
	return p.IsSystems(view, uri)
}

// Where a SIP URI without a port leads, over TLS and else.
const (
	defaultPort = 5060
	securePort  = 5061
)

// isSystem reports whether this node listens at addr, or another of the system.
func (p *Proxy) isSystem(addr netip.AddrPort) bool {
	if !p.o.Ports.Has(addr.Port()) {
		return false
	}
	if p.o.Transport.IsOwn(addr.Addr()) {
		return true
	}
	_, ok := p.o.Peers.NodeAt(addr.Addr().Unmap().WithZone(""))
	return ok
}

// IsOurs reports whether uri leads to this node: to one of its listeners or to
// the domain.
func (p *Proxy) IsOurs(view *store.View, uri message.URI) bool {
	addr, numeric := message.HostAddr(uri.Host)
	if !numeric {
		return view.IsLocal(uri.Host)
	}
	return (uri.Port == 0 || p.o.Ports.Has(uri.Port)) && p.o.Transport.IsOwn(addr.WithZone(""))
}

// IsSystems reports whether uri leads to this node or to another of the system:
// a phone that knew one by its address may speak to the next.
func (p *Proxy) IsSystems(view *store.View, uri message.URI) bool {
	return p.IsOurs(view, uri) || p.isPeers(uri)
}

func (p *Proxy) isPeers(uri message.URI) bool {
	addr, ok := message.HostAddr(uri.Host)
	if !ok || uri.Port != 0 && !p.o.Ports.Has(uri.Port) {
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
