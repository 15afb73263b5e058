package proxy

import (
	"context"
	"hash/maphash"
	"strconv"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
)

// Within carries a request inside a dialog along its route: re-INVITE, BYE,
// UPDATE, REFER and the like. tx must be locked, l must be InDialog.
func (p *Proxy) Within(tx *transaction.Server, view *store.View, l *Loose, from Origin) {
	f := p.fork(tx, view, from, nil)
	f.loose, f.secure = l, l.secure
	if !f.wantsTimer() {
		return
	}
	if f.isInvite() || f.guest() {
		f.trying()
	}
	if tx.Method() == message.BYE {
		p.o.Calls.HungUp(f.m) // whatever comes of it (RFC 3261 section 15.1.1)
	}
	f.starting = true
	b := f.open(&branch{fork: f})
	b.begin(p.nextHop(l, from.Flow))
	f.starting = false
	f.settle()
}

// Ack carries the ACK of a 2xx to the phone that answered. It has no response
// and no transaction (RFC 3261 section 16.11); one that leads nowhere is
// dropped.
func (p *Proxy) Ack(view *store.View, m *message.Message, from transport.Flow) {
	if from.Kind() == transport.Node {
		if to, ok := p.Named(m); ok && to.Node != p.o.Node {
			if to.Relay {
				p.relayAck(m, to, from)
			}
			return
		}
	}
	l := p.Loose(view, m, from)
	if !l.InDialog || !l.Party {
		return
	}
	f := &fork{p: p, loose: l, realm: view.Domain(), origin: Origin{Flow: from}, secure: l.secure}
	h := p.nextHop(l, from)
	if f.bars(&h) {
		return
	}
	if h.node != "" {
		p.send(f, m, peer{node: h.node, token: l.text, secure: l.secure}, eitherWay)
		return
	}
	if !h.flow.IsZero() {
		f.sendOn(h.flow, m, &peer{}) // a lost ACK is asked for again by another 200
		return
	}
	if h.uri == "" {
		return
	}
	p.inBackground(func(ctx context.Context) {
		if flow, _, err := p.connect(ctx, h.uri, h.kind); err == nil {
			f.sendOn(flow, m, &peer{})
		}
	})
}

// send carries to another node what has no answer.
func (p *Proxy) send(f *fork, m *message.Message, to peer, by reach) {
	if flow, ok := p.o.Peers.Flow(to.node); ok {
		f.sendOn(flow, m, &to)
		return
	}
	p.inBackground(func(ctx context.Context) {
		flow, relay, err := p.reach(ctx, to.node, by)
		if err != nil {
			return
		}
		to.relay = relay
		f.sendOn(flow, m, &to)
	})
}

// ackBranch follows from the branch that the ACK came with, so that a repetition
// is one for the next hop too (RFC 3261 section 16.11).
func (p *Proxy) ackBranch(m *message.Message) string {
	via, _ := m.TopVia()
	return "z9hG4bK" + strconv.FormatUint(maphash.String(p.seed, via.Branch+m.CallID()), 36)
}

// sendOn sends what has no answer.
func (f *fork) sendOn(flow transport.Flow, m *message.Message, to *peer) {
	raw := f.rewrite(m, flow, f.p.ackBranch(m), nil, to)
	_ = flow.Send(raw)
	f.p.o.Transactions.Free(raw)
}

// A hop is where a request goes next: another node, a flow that is open, or a
// URI to dial; with a node that is for when it is silent. contact and path are the
// phone's, wherever it is.
type hop struct {
	node    string
	flow    transport.Flow
	uri     string
	kind    transport.Kind
	contact string
	path    []string
}

// routes are the proxies that this node itself names on the way to the phone.
func (h *hop) routes() []string {
	if h.node != "" {
		return nil
	}
	return h.path
}

func (h *hop) isNone() bool { return h.node == "" && h.flow.IsZero() && h.uri == "" }

// nextHop finds the other side of a dialog. A phone is where it registered last,
// here or at another node, even when its old connection has not been noticed to
// be dead; then comes the flow named by the token, then the node that wrote the
// token, and the last resort. What came from another node goes no further than to
// a phone.
func (p *Proxy) nextHop(l *Loose, from transport.Flow) hop {
	h, found := p.sideOf(l, from.Kind() == transport.Node)
	if found && l.leadsToCarrier() {
		return h
	}
	l.follow(&h, from)
	switch {
	case h.node != "":
		return h
	case l.next != "" && (h.flow.IsZero() || from.Kind() == transport.Node):
		return p.hopTo(l.next, transport.UDP)
	case found:
		return h
	}
	return p.lastResort(l)
}

// sideOf finds what the token of l names; false if that is nowhere.
func (p *Proxy) sideOf(l *Loose, fromNode bool) (h hop, found bool) {
	t := l.token
	way, registered := Way{}, false
	if t.User != "" {
		way, registered = p.o.Phones.Locate(t.User, t.Device)
	}
	if registered && (!way.Flow.IsZero() || way.Node != "" && !fromNode) {
		return hopOf(way), true
	}
	if flow, ok := p.o.Transport.Find(t.Flow); ok {
		return hop{flow: flow}, true
	}
	if other, ok := p.o.Phones.OtherFlow(t.User, t.Device); ok && (other.Node == "" || !fromNode) {
		return hopOf(other), true
	}
	if registered {
		return hopOf(way.here()), true
	}
	if node, ok := p.writerOf(l); ok && !fromNode {
		return hop{node: node}, true
	}
	if t.Remote.IsValid() {
		if flow, ok := p.o.Transport.UDP(t.Remote); ok {
			return hop{flow: flow}, true
		}
	}
	return hop{}, false
}

// here is the way as far as this node can go itself: none to a phone that
// another node holds.
func (w Way) here() Way {
	if w.Node != "" {
		return Way{}
	}
	return w
}

// writerOf returns the other node that wrote the token of l.
func (p *Proxy) writerOf(l *Loose) (node string, ok bool) {
	if !l.at.IsValid() {
		return "", false
	}
	node, ok = p.o.Peers.NodeAt(l.at)
	return node, ok && node != p.o.Node
}

func hopOf(w Way) hop {
	if w.Node == "" && w.Flow.IsZero() && !w.Dial {
		return hop{}
	}
	h := hop{node: w.Node, flow: w.Flow, kind: w.Kind, contact: w.Contact, path: w.Path}
	if w.Node == "" || w.Dial {
		h.uri = w.uri()
	}
	return h
}
