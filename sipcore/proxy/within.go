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
	f := p.fork(tx, view, from)
	f.loose = l
	if f.isInvite() {
		f.trying()
	}
	f.starting = true
	b := f.open(&branch{fork: f})
	h := p.nextHop(l)
	switch {
	case !h.flow.IsZero():
		b.start(h.flow)
	case h.uri != "":
		b.dial(h.uri, h.kind)
	default:
		b.end(480, nil)
	}
	f.starting = false
	f.settle()
}

// Ack carries the ACK of a 2xx to the phone that answered. It has no response
// and no transaction (RFC 3261 section 16.11); one that leads nowhere is
// dropped.
func (p *Proxy) Ack(view *store.View, m *message.Message, from transport.Flow) {
	l := p.Loose(view, m, from)
	if !l.InDialog {
		return
	}
	f := &fork{p: p, loose: l, realm: view.Domain()}
	h := p.nextHop(l)
	if !h.flow.IsZero() {
		_ = h.flow.Send(f.ack(m, h.flow)) // a lost ACK is asked for again by another 200
		return
	}
	if h.uri == "" {
		return
	}
	p.inBackground(func(ctx context.Context) {
		if flow, err := p.connect(ctx, h.uri, h.kind); err == nil {
			_ = flow.Send(f.ack(m, flow))
		}
	})
}

// ack makes the ACK that leaves. Its branch follows from the one it came with,
// so that a repetition is one for the phone too (RFC 3261 section 16.11).
func (f *fork) ack(m *message.Message, to transport.Flow) []byte {
	via, _ := m.TopVia()
	branch := "z9hG4bK" + strconv.FormatUint(maphash.String(f.p.seed, via.Branch+m.CallID()), 36)
	return f.rewrite(m, to, branch, nil)
}

// A hop is where a request goes next: a flow that is open, or a URI to dial.
type hop struct {
	flow transport.Flow
	uri  string
	kind transport.Kind
}

// nextHop finds the other side of a dialog. A phone is where it registered last,
// even when its old connection has not been noticed to be dead; the flow named
// by the token is for who is not registered, and the Request-URI comes last.
func (p *Proxy) nextHop(l *Loose) hop {
	if l.next != "" {
		return p.hopTo(l.next, transport.UDP)
	}
	t := l.token
	way, registered := Way{}, false
	if t.User != "" {
		way, registered = p.o.Phones.Locate(t.User, t.Device)
	}
	if registered && !way.Flow.IsZero() {
		return hop{flow: way.Flow}
	}
	if flow, ok := p.o.Transport.Find(t.Flow); ok {
		return hop{flow: flow}
	}
	if registered {
		return hopOf(way)
	}
	if t.Remote.IsValid() {
		if flow, ok := p.o.Transport.UDP(t.Remote); ok {
			return hop{flow: flow}
		}
	}
	return p.hopTo(l.uri, transport.UDP)
}

func hopOf(w Way) hop {
	if w.Flow.IsZero() && !w.Dial {
		return hop{}
	}
	return hop{flow: w.Flow, uri: w.Contact, kind: w.Kind}
}
