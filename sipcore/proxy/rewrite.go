package proxy

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// rewrite makes the request that leaves on flow (RFC 3261 section 16.6), in a
// Room: the received bytes, but for the lines that a proxy must touch. b is the
// branch it goes out on; nil for an ACK. to is the node that it goes to, if it
// does.
func (f *fork) rewrite(m *message.Message, flow transport.Flow, branch string, b *branch, to *peer) []byte {
	e := m.Edit()
	switch {
	case f.loose != nil:
		f.loose.edit(&e, m)
	case f.relays != nil:
		e.DropFirstValue(message.Route)
	default:
		e.SetRequestURI(b.target.URI)
		e.DropAll(message.Route)
		for _, hop := range slices.Backward(b.path) {
			e.Prepend(message.Route, hop)
		}
		f.recordRoute(&e, m, flow, b)
		e.SetFirst(message.MaxBreadth, strconv.Itoa(b.breadth))
		f.sayWhy(&e, m, &b.target)
	}
	if b != nil {
		b.pickUp(&e, m)
	}
	if to.node != "" {
		e.Prepend(message.Route, to.route())
	}
	f.timer.ask(&e, m)
	f.dropClaims(&e, m)
	if b != nil && b.target.IsTrunk() && f.call != nil {
		f.introduce(&e, m, &b.target)
	}
	forwards(&e, m)
	e.Prepend(message.Via, f.p.via(flow, branch))
	return e.AppendTo(f.p.o.Transactions.Room())
}

// via is our own Via: the address the flow came to and the port we listen on,
// so that a response finds us even on a new connection. Between nodes, where it
// does not, it is our name.
func (p *Proxy) via(flow transport.Flow, branch string) string {
	b := make([]byte, 0, 96)
	b = append(b, "SIP/2.0/"...)
	b = append(b, flow.Kind().Via()...)
	b = append(b, ' ')
	if flow.Kind() == transport.Node {
		b = append(b, p.o.Node...)
	} else {
		b = p.listener(flow).AppendTo(b)
	}
	b = append(b, ";branch="...)
	b = append(b, branch...)
	return string(b)
}

// recordRoute puts this node into the dialog, once for each phone side (RFC
// 5658): the callee's side on top, as the callee will read it. A side that is
// another node is that one's business.
func (f *fork) recordRoute(e *message.Edit, m *message.Message, flow transport.Flow, b *branch) {
	if !beginsDialog(m.Method()) || m.ToTag() != "" {
		return
	}
	dialog := auth.DialogHash(m.CallID(), m.FromTag())
	if !f.guest() {
		e.Prepend(message.RecordRoute, f.p.side(f.origin.Flow, f.origin.User, f.origin.Device, dialog, isSIPS(m.RequestURI())))
	}
	if flow.Kind() != transport.Node {
		user := b.target.User
		if b.atContact() {
			user = "" // where it is registered does not lead to it
		}
		e.Prepend(message.RecordRoute, f.p.side(flow, user, b.target.Device, dialog, isSIPS(b.target.URI)))
	}
}

func beginsDialog(m message.Method) bool {
	return m == message.INVITE || m == message.SUBSCRIBE || m == message.REFER || m == message.NOTIFY
}

// side is the Record-Route URI that leads to one phone. It is a sips URI when the
// phone was asked, or asks, by one, so that each side reads what it knows (RFC
// 3261 section 16.6 step 4).
func (p *Proxy) side(flow transport.Flow, user, device string, dialog uint64, sips bool) string {
	t := auth.Token{Kind: auth.RecordRoute, User: user, Device: device, Flow: flow.ID(), Dialog: dialog}
	if !flow.Kind().Reliable() {
		t.Remote = flow.Remote()
	}
	b := make([]byte, 0, 192)
	sips = sips && flow.Kind().Secure()
	b = append(b, scheme(sips)...)
	b = p.o.Sealer.AppendSeal(b, t)
	b = append(b, '@')
	b = p.listener(flow).AppendTo(b)
	if flow.Kind() != transport.UDP && (flow.Kind() != transport.TLS || !sips) { // sips alone means TLS
		b = append(b, ";transport="...)
		b = append(b, flow.Kind().String()...)
	}
	b = append(b, ";lr>"...)
	return string(b)
}

// listener is where the other end of flow finds us. A zone means nothing to it.
func (p *Proxy) listener(flow transport.Flow) netip.AddrPort {
	return netip.AddrPortFrom(flow.Local().Addr().Unmap().WithZone(""), p.o.Ports.Of(flow.Kind()))
}

// forwards counts this hop (RFC 3261 section 16.6 step 3). That it is not zero
// was checked before.
func forwards(e *message.Edit, m *message.Message) {
	value, ok := m.Header(message.MaxForwards)
	n, err := strconv.Atoi(value)
	if !ok || err != nil {
		e.SetFirst(message.MaxForwards, "70")
		return
	}
	e.SetFirst(message.MaxForwards, strconv.Itoa(n-1))
}

// mark is what a request looks like to routing: the same mark twice is a loop
// (RFC 3261 section 16.6 step 8, RFC 5393).
func (p *Proxy) mark(m *message.Message) uint32 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(m.RequestURI())
	_, _ = h.WriteString(m.CallID())
	_, _ = h.WriteString(m.FromTag())
	number, _ := m.CSeq()
	return uint32(h.Sum64()) ^ number //nolint:gosec // any 32 bits will do
}

// Loops reports whether m was here before and comes back unchanged.
func (p *Proxy) Loops(m *message.Message) bool {
	if m.Count(message.Via) < 2 {
		if first, ok := m.Header(message.Via); !ok || !strings.Contains(first, ",") {
			return false
		}
	}
	suffix := "." + strconv.FormatUint(uint64(p.mark(m)), 16)
	for v := range m.Values(message.Via) {
		if via, err := message.ParseVia(v); err == nil && strings.HasSuffix(via.Branch, suffix) {
			return true
		}
	}
	return false
}

func userOf(m *message.Message) string {
	value, _ := m.Header(message.From)
	a, err := message.ParseNameAddr(value)
	if err != nil {
		return ""
	}
	u, err := message.ParseURI(a.URI)
	if err != nil {
		return ""
	}
	return u.UserUnescaped()
}
