package proxy

import (
	"sync"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
)

// guests are the INVITEs of other nodes without a final response, by the flow
// that they came on. When it closes nobody waits for them any more.
type guests struct {
	mu sync.Mutex // held by nobody who takes another lock
	on map[transport.Flow]map[*fork]struct{}
}

func (g *guests) add(f *fork) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.on == nil {
		g.on = make(map[transport.Flow]map[*fork]struct{})
	}
	flow := f.origin.Flow
	if g.on[flow] == nil {
		g.on[flow] = make(map[*fork]struct{})
	}
	g.on[flow][f] = struct{}{}
}

func (g *guests) remove(f *fork) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.on[f.origin.Flow], f)
}

// take returns all that came on flow and forgets them.
func (g *guests) take(flow transport.Flow) map[*fork]struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.on[flow]
	delete(g.on, flow)
	return all
}

// guest reports whether the request came from another node, which decided
// about it.
func (f *fork) guest() bool { return f.origin.Flow.Kind() == transport.Node }

// Deliver carries a request that another node has admitted and routed to the
// phone it names, which is to be here. tx must be locked.
func (p *Proxy) Deliver(tx *transaction.Server, view *store.View, to Named, from Origin) {
	f := p.fork(tx, view, from, nil)
	f.secure = to.Secure
	f.trying()
	way, ok := p.o.Phones.Locate(to.Token.User, to.Token.Device)
	if ok && way.Node == "" {
		f.delivers(to.Token.User)
		f.starting = true
		f.ringAt(route.Target{URI: f.m.RequestURI(), User: to.Token.User, Device: to.Token.Device}, way, f.breadth)
		f.starting = false
	}
	f.settle()
}

// delivers notes that the request goes on to a phone from here.
func (f *fork) delivers(user string) {
	if f.isInvite() {
		f.dialog = f.p.o.Calls.Invites(f.m, user)
	}
}

// Relay passes a request on to the node that it names, and to no other. One that
// begins something goes to the phone itself if that node is silent. tx must be
// locked.
func (p *Proxy) Relay(tx *transaction.Server, view *store.View, to Named, from Origin) {
	f := p.fork(tx, view, from, nil)
	f.relays, f.secure = &to, to.Secure
	f.trying()
	f.starting = true
	phone := route.Target{URI: f.m.RequestURI(), User: to.Token.User, Device: to.Token.Device}
	f.open(&branch{fork: f, target: phone, breadth: f.breadth}).toNode(to.Node, false)
	f.starting = false
	f.settle()
}

// Abandon takes back what still rings for a node whose flow has closed: the
// node has given it up, or is gone.
func (p *Proxy) Abandon(flow transport.Flow) {
	for f := range p.guests.take(flow) {
		f.tx.Do(func() {
			if !f.over {
				f.cancel("")
			}
		})
	}
}

// Unreachable answers another node that its phone is not here. tx must be
// locked.
func Unreachable(tx *transaction.Server) { Respond(tx, flowFailed, "") }

// relayAck passes the ACK of a 2xx on.
func (p *Proxy) relayAck(m *message.Message, to Named, from transport.Flow) {
	f := &fork{p: p, relays: &to, origin: Origin{Flow: from}}
	p.send(f, m, peer{node: to.Node, token: to.text, secure: to.Secure}, itself)
}
