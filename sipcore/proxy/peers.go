package proxy

import (
	"context"
	"errors"
	"net/netip"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// Peers are the flows to other nodes.
type Peers interface {
	// Flow returns an open flow to a node. It must not wait.
	Flow(node string) (transport.Flow, bool)
	// Connect opens one directly, for which it may wait.
	Connect(ctx context.Context, node string) (transport.Flow, error)
	// Rest says that a node is silent: Connect fails at once for some seconds,
	// unless the node comes by itself.
	Rest(node string)
	// NodeAt returns the node that listens for SIP on addr.
	NodeAt(addr netip.Addr) (node string, ok bool)
	// Relays returns the nodes to go through when there is no direct way.
	Relays() []string
}

// flowFailed is what a node answers to another that asks for a phone which it
// cannot reach (RFC 5626 section 5.3.1): the phone may be found elsewhere. It
// never leaves the nodes; a caller hears 480.
const flowFailed = 430

// relayParam marks a Route to a third node. Who takes it away is the only relay.
const relayParam = ";relay"

// overParam marks a Route to the node where a call began, which its BYE does not
// pass because the caller has moved: it is to know, and to do nothing.
const overParam = ";over"

// A peer is another node as a next hop. The zero peer is none.
type peer struct {
	node   string
	token  string // sealed: the phone at that node
	relay  bool   // the flow leads to a node that is to pass the request on
	over   bool   // it only has to know
	secure bool   // every hop is to be encrypted
}

// route is the header field value by which the node finds the phone.
func (n *peer) route() string {
	s := scheme(n.secure) + n.token + "@" + n.node + ";lr"
	if n.relay {
		s += relayParam
	}
	if n.over {
		s += overParam
	}
	return s + ">"
}

// A Named is the phone that a request of another node is for: its topmost Route.
type Named struct {
	Node   string // that is to have the phone
	Relay  bool   // Node is a third one, to whom we are asked to pass the request on
	Over   bool   // the call has ended elsewhere
	Secure bool   // every hop is to be encrypted
	Token  auth.Token

	text string
}

// Named reads the topmost Route of a request that came from another node. It is
// false if no node of this system wrote it.
func (p *Proxy) Named(m *message.Message) (Named, bool) {
	for v := range m.Values(message.Route) {
		address, err := message.ParseNameAddr(v)
		if err != nil {
			break
		}
		uri, err := message.ParseURI(address.URI)
		if err != nil {
			break
		}
		n := Named{Node: uri.Host, Secure: uri.IsSIPS(), text: uri.User}
		n.Token = p.named(uri.User)
		_, n.Relay = uri.Param("relay")
		_, n.Over = uri.Param("over")
		return n, n.Token.Kind != 0
	}
	return Named{}, false
}

// named opens a token that another node brings, with whatever key that one has:
// it may not have heard of the one in force yet.
func (p *Proxy) named(text string) auth.Token {
	t, ok := p.o.Sealer.Open(text)
	if !ok {
		t, _ = p.o.Sealer.OpenEarlier(text)
	}
	return t
}

// A reach says by which flows a node may be reached.
type reach uint8

const (
	eitherWay  reach = iota // to it, or to one that passes on what is meant for it
	itself                  // to it alone
	aroundOnly              // to one that passes it on
)

var errNoRelay = errors.New("no node passes it on")

// reach finds a flow for what is meant for a node. It waits.
func (p *Proxy) reach(ctx context.Context, node string, by reach) (flow transport.Flow, relay bool, err error) {
	err = errNoRelay
	if by != aroundOnly {
		flow, err = p.o.Peers.Connect(ctx, node)
	}
	if err == nil || by == itself {
		return flow, false, err
	}
	for _, via := range p.o.Peers.Relays() {
		if via == node || via == p.o.Node {
			continue
		}
		if other, rerr := p.o.Peers.Connect(ctx, via); rerr == nil {
			return other, true, nil
		}
	}
	return transport.Flow{}, false, err
}

// toNode starts the branch by way of another node. Where the phone can be asked at
// its Contact, that comes before a way round.
func (b *branch) toNode(node string, hasContact bool) {
	f := b.fork
	b.peer = peer{node: node, token: f.tokenFor(b), secure: f.secure}
	if flow, ok := f.p.o.Peers.Flow(node); ok && !b.around {
		b.start(flow)
		return
	}
	by := eitherWay
	switch {
	case b.around:
		by = aroundOnly
	case f.guest() || f.loose == nil && hasContact:
		by = itself
	}
	ok := f.p.inBackground(func(ctx context.Context) {
		var flow transport.Flow
		var relay bool
		err := f.p.tried(func() (err error) { flow, relay, err = f.p.reach(ctx, node, by); return err })
		f.tx.Do(func() {
			b.around = relay || err != nil && by != itself
			b.reached(flow, relay, err)
		})
	})
	if !ok {
		b.end(480, nil)
	}
}

// tokenFor names the phone that b is for.
func (f *fork) tokenFor(b *branch) string {
	switch {
	case f.relays != nil:
		return f.relays.text
	case f.loose != nil:
		return f.loose.text
	case f.pick != nil:
		return f.p.o.Sealer.Seal(auth.Token{Kind: auth.Pickup, User: f.origin.User, Device: f.origin.Device})
	}
	return f.p.o.Sealer.Seal(auth.Token{Kind: auth.Path, User: b.target.User, Device: b.target.Device})
}

// reached goes on with the branch, unless it was cancelled meanwhile. Within a
// dialog the last resort is left when the node on the way is dead (RFC 3261
// section 16.6 step 6 knows no way round; a phone may have one).
func (b *branch) reached(flow transport.Flow, relay bool, err error) {
	f := b.fork
	switch {
	case b.over:
	case err == nil:
		b.peer.relay = relay
		b.start(flow)
	case f.loose != nil && !f.guest():
		f.p.o.Logger.Debug("node not reached, skipping it", "node", b.peer.node, "error", err)
		b.peer = peer{}
		b.begin(f.p.lastResort(f.loose))
	default:
		f.p.o.Logger.Debug("node not reached", "node", b.peer.node, "error", err)
		b.lost(silent)
	}
	f.settle()
}

// passOver gives a node up that did not even say 100. Its connection closes, so
// that the INVITE cannot ring when the node or the line wakes again.
func (b *branch) passOver() {
	f := b.fork
	flow := b.client.Flow()
	f.p.o.Logger.Warn("node does not answer; it is passed over", "node", flow.Node(), "for", b.peer.node)
	f.p.o.Peers.Rest(flow.Node())
	flow.Abort()
	b.lost(silent)
	f.settle()
}
