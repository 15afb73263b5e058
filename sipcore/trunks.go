package sipcore

import (
	"cmp"
	"fmt"
	"slices"

	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/sipcore/route"
	"carillon/sipcore/transport"
	"carillon/store"
)

// This file lets carriers in and finds the way to them. A carrier is whoever speaks
// from the address of a trunk: he is not asked who he is, reaches users and the
// operator, and nobody beyond.

// carrier returns the trunk from which r comes.
func (s *Server) carrier(r request) (store.Trunk, bool) {
	from := r.tx.Flow().Remote().Addr()
	if !r.view.IsCarrier(from) {
		return store.Trunk{}, false
	}
	return r.view.TrunkFrom(from, s.site(r.view))
}

// comesIn carries a call of a carrier.
func (s *Server) comesIn(r request, t store.Trunk, ours bool) {
	switch {
	case !ours:
		proxy.Respond(r.tx, 404, "Domain Not Served Here")
		return
	case r.Method() != message.INVITE:
		respondWith(r.tx, 405, field{"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"})
		return
	}
	replaces, ok := r.replaces()
	if !ok {
		return
	}
	number, callee := route.ReadFrom(r.view, t.Site, numberOf(r.uri))
	s.proxy.Call(r.tx, &route.Call{
		View: r.view, Callee: callee, Number: number, Site: t.Site, Incoming: true, Alone: s.o.Alone(), Replaces: replaces,
		From: r.fromNumber(), Direct: r.isDirect() || r.comesBack(t.Site) || s.callsBack(r, callee),
	}, proxy.Origin{Flow: r.tx.Flow(), User: route.Trunk(t.Name), Device: s.o.Node})
}

// isHeard reports whether who sends r may speak at all: from a network of ours, or
// as a carrier.
func (r *request) isHeard() bool {
	from := r.tx.Flow().Remote().Addr()
	return r.view.Network(from).Known || r.view.IsCarrier(from)
}

// site returns where this node stands.
func (s *Server) site(view *store.View) string { return siteOfNode(view, s.o.Node) }

func siteOfNode(view *store.View, name string) string {
	if n, ok := view.Node(name); ok {
		return view.SiteOf(n)
	}
	return ""
}

// siteOf returns where a caller is: where his address belongs, else where his desk
// stands, else where this node does; who reaches a node that is alone is there.
func (s *Server) siteOf(r request, user store.User) string {
	site := r.view.Network(r.tx.Flow().Remote().Addr()).Site
	switch {
	case site != "":
		return site
	case user.Site != "" && !s.o.Alone():
		return user.Site
	}
	return cmp.Or(s.site(r.view), user.Site)
}

// NodesAt implements [feature.NodeFinder].
func (p phones) NodesAt(site string) []string {
	view := p.view()
	var here bool
	var heard []string
	stands := false // some node stands there
	for _, n := range view.Nodes() {
		switch {
		case n.Role == store.Witness || view.SiteOf(n) != site:
		case n.Name == p.node:
			here, stands = true, true
		default:
			stands = true
			if !p.bindings.IsSilent(n.Name) {
				heard = append(heard, n.Name)
			}
		}
	}
	if here || !stands {
		return slices.Insert(heard, 0, p.node)
	}
	return heard
}

// Here implements [feature.NodeFinder].
func (p phones) Here() string { return p.node }

// toCarrier returns the way to the carrier of a trunk, to whom node speaks.
func (p phones) toCarrier(name, node string) (proxy.Way, bool) {
	t, ok := p.view().Trunk(name)
	at := t.At()
	if !ok || !at.IsValid() {
		return proxy.Way{}, false
	}
	w := proxy.Way{Contact: fmt.Sprintf("sip:%s;transport=%s", at, t.Transport), Kind: transport.UDP}
	switch {
	case node != p.node:
		w.Node = node
	case t.Transport == store.TCP:
		w.Kind, w.Dial = transport.TCP, true
	default:
		w.Flow, _ = p.transport.UDP(at)
	}
	return w, true
}

// isCarrier reports whether flow leads to the carrier of a trunk.
func (p phones) isCarrier(name string, flow transport.Flow) bool {
	t, ok := p.view().Trunk(name)
	return ok && t.At().Addr() == flow.Remote().Addr().Unmap()
}
