package sipcore

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/sipcore/route"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// phones presents the table of bindings in the words of routing: where a
// number can ring, and how a phone is reached.
type phones struct {
	node      string
	view      func() *store.View
	bindings  *live.Bindings
	transport *transport.Layer
}

// TargetsOf implements [feature.TargetFinder].
func (p phones) TargetsOf(number string) []route.Target {
	var room [2]live.Binding
	bindings := p.bindings.AppendOf(room[:0], number)
	targets := make([]route.Target, 0, len(bindings))
	if slices.ContainsFunc(bindings, func(b live.Binding) bool { return b.RegID != 0 }) {
		slices.SortStableFunc(bindings, bestFlow)
	}
	for _, b := range bindings {
		targets = append(targets, route.Target{
			URI: contactOf(b), Route: b.Node, User: b.User, Device: b.Device, Instance: flowOf(b), Q: b.Q, Silent: b.Silent,
		})
	}
	return targets
}

// bestFlow orders bindings: those whose flow is open first, then those that were
// refreshed last (RFC 5626 section 7).
func bestFlow(a, b live.Binding) int {
	if up := a.Flow != 0; up != (b.Flow != 0) {
		if up {
			return -1
		}
		return 1
	}
	return b.Expires.Add(-b.Granted).Compare(a.Expires.Add(-a.Granted))
}

// flowOf names the phone of which b is one flow; "" when it has but one.
func flowOf(b live.Binding) string { return b.Phone() }

// contactOf is what a phone is asked by. Where this node has no more than a
// pointer, the node that it leads to puts the Contact there.
func contactOf(b live.Binding) string {
	if b.IsPointer() {
		return "sip:" + url.PathEscape(b.Device) + "@" + b.Node
	}
	return b.Contact
}

// Locate implements [proxy.Locator].
func (p phones) Locate(user, device string) (proxy.Way, bool) {
	if name, ok := route.TrunkOf(user); ok {
		return p.toCarrier(name, device)
	}
	b, ok := p.bindings.Device(user, device)
	if !ok {
		return proxy.Way{}, false
	}
	return p.way(b), true
}

// OtherFlow implements [proxy.Locator].
func (p phones) OtherFlow(user, device string) (proxy.Way, bool) {
	one := live.Binding{Device: device, RegID: 1}
	if one.Instance() == device {
		return proxy.Way{}, false // it has but one
	}
	for _, b := range p.bindings.Of(user) {
		if b.Names(device) || b.Flow == 0 || flowOf(b) != one.Phone() {
			continue
		}
		if w := p.way(b); w.Node != "" || !w.Flow.IsZero() {
			return w, true
		}
	}
	return proxy.Way{}, false
}

func (p phones) way(b live.Binding) proxy.Way {
	w := proxy.Way{Contact: contactOf(b), Path: b.Path, Kind: transport.UDP}
	if kind, ok := transport.KindOf(b.Transport); ok {
		w.Kind = kind
	}
	switch {
	case b.Node != p.node:
		w.Node = b.Node
		w.Dial = !b.IsPointer() && p.hearsOthers(&b, w.Kind)
		return w
	case w.Kind == transport.UDP:
		w.Flow, _ = p.transport.UDPFrom(b.Local, b.Source)
	case b.Flow != 0:
		w.Flow, _ = p.transport.Find(b.Flow)
	}
	w.Dial = w.Flow.IsZero() && !b.Refused && w.Kind.Dials() && listens(b)
	return w
}

// hearsOthers reports whether a phone may be asked past the node that holds it. One
// that has outbound may not (RFC 5626 section 5.3): its flow is its only way, unless
// that ends at a proxy on its Path. Else its Contact must be an address of its own
// site: behind a NAT it is one that somebody else may have here.
func (p phones) hearsOthers(b *live.Binding, kind transport.Kind) bool {
	if len(b.Path) > 0 {
		return true
	}
	uri, err := message.ParseURI(b.Contact)
	if err != nil || b.RegID != 0 || !kind.Dials() || kind != transport.UDP && uri.Port >= chosenPorts {
		return false
	}
	host, ok := message.HostAddr(uri.Host)
	seen := b.Source.Addr().Unmap() // over UDP alone
	if !ok || seen.IsValid() && seen != host.Unmap() {
		return false
	}
	site := p.view().Network(host).Site
	return site == b.Site && (site != "" || seen.IsValid())
}

// SpeaksFor implements [proxy.Locator]. A phone whose registration came from
// the same address speaks for its user on another port too: some open a
// connection for each request, and a NAT may have changed the port.
func (p phones) SpeaksFor(flow transport.Flow, user string) bool {
	if name, ok := route.TrunkOf(user); ok {
		return p.isCarrier(name, flow)
	}
	if p.bindings.UsersOn(flow.ID(), user) {
		return true
	}
	var room [2]live.Binding
	for _, b := range p.bindings.AppendOf(room[:0], user) {
		if b.Node == p.node && b.Source.IsValid() && b.Source.Addr().Unmap() == flow.Remote().Addr() {
			return true
		}
	}
	return false
}

// Refused implements [proxy.Locator].
func (p phones) Refused(user, device string) { p.bindings.Refused(user, device) }

// chosenPorts are below this one: a port above it was given by a kernel.
const chosenPorts = 32768

// listens guesses whether a phone accepts connections at its Contact: a port
// below 32768 is one that somebody chose, and behind a NAT the Contact is not
// where the REGISTER came from, so asking costs nothing but a refusal. A proxy on
// the Path listens.
func listens(b live.Binding) bool {
	if len(b.Path) > 0 {
		return true
	}
	uri, err := message.ParseURI(b.Contact)
	if err != nil {
		return false
	}
	if strings.HasSuffix(strings.ToLower(uri.Host), ".invalid") {
		return false // it says that it does not (RFC 7118 section 5)
	}
	host, err := netip.ParseAddr(uri.Host)
	return uri.Port < chosenPorts || err != nil || host.Unmap().WithZone("") != b.Source.Addr().Unmap().WithZone("")
}
