package sipcore

import (
	"net/netip"

	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/sipcore/route"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

// phones presents the table of bindings in the words of routing: where a
// number can ring, and how a phone is reached.
type phones struct {
	node      string
	bindings  *live.Bindings
	transport *transport.Layer
}

// TargetsOf implements [feature.TargetFinder].
func (p phones) TargetsOf(number string) []route.Target {
	bindings := p.bindings.Of(number)
	targets := make([]route.Target, 0, len(bindings))
	for _, b := range bindings {
		targets = append(targets, route.Target{URI: b.Contact, Route: b.Node, User: b.User, Device: b.Device, Q: b.Q, Silent: b.Silent})
	}
	return targets
}

// Locate implements [proxy.Locator].
func (p phones) Locate(user, device string) (proxy.Way, bool) {
	b, ok := p.bindings.Device(user, device)
	if !ok {
		return proxy.Way{}, false
	}
	if b.Node != p.node {
		return proxy.Way{Contact: b.Contact, Node: b.Node}, true
	}
	w := proxy.Way{Contact: b.Contact, Path: b.Path, Kind: transport.UDP}
	if b.Transport == transport.TCP.String() {
		w.Kind = transport.TCP
	}
	switch {
	case w.Kind == transport.UDP:
		w.Flow, _ = p.transport.UDPFrom(b.Local, b.Source)
	case b.Flow != 0:
		w.Flow, _ = p.transport.Find(b.Flow)
	}
	w.Dial = w.Flow.IsZero() && !b.Refused && listens(b)
	return w, true
}

// Refused implements [proxy.Locator].
func (p phones) Refused(user, device string) { p.bindings.Refused(user, device) }

// listens guesses whether a phone accepts connections at its Contact: a port
// below 32768 is one that somebody chose, and behind a NAT the Contact is not
// where the REGISTER came from, so asking costs nothing but a refusal.
func listens(b live.Binding) bool {
	uri, err := message.ParseURI(b.Contact)
	if err != nil {
		return false
	}
	host, err := netip.ParseAddr(uri.Host)
	return uri.Port < 32768 || err != nil || host.Unmap() != b.Source.Addr().Unmap()
}
