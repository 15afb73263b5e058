package node

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/ring"
	"carillon/cluster/session"
	"carillon/store"
)

// peers are the other nodes as the View knows them, or, before there is a View,
// those that this node met when it joined. It implements [sipcore.Peers].
type peers struct {
	self  identity
	view  func() *store.View
	port  *link.Port
	links func() []session.Link
	lines func() []session.Line
	alone atomic.Bool // no main is heard: see standing
}

// others returns the other nodes by name.
func (p *peers) others() []store.Node {
	all := p.view().Nodes()
	if len(all) == 0 {
		for _, m := range p.self.Mains {
			all = append(all, store.Node{Name: m.Node, Role: store.Main, Address: m.Address})
		}
	}
	return slices.DeleteFunc(all, func(n store.Node) bool { return n.Name == p.self.Name })
}

// mains returns the other mains by name.
func (p *peers) mains() []store.Node {
	return slices.DeleteFunc(p.others(), func(n store.Node) bool { return n.Role != store.Main })
}

// understand reports whether all other mains are there and answer a question.
func (p *peers) understand(ctx context.Context, question string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, main := range p.mains() {
		if _, err := p.port.Ask(ctx, main.Name, main.Address, question, nil); err != nil {
			return false
		}
	}
	return true
}

// guards returns the other LifeGUARDs by name.
func (p *peers) guards() []store.Node {
	return slices.DeleteFunc(p.others(), func(n store.Node) bool { return n.Role != store.Lifeguard })
}

// isWitness reports whether a node is one.
func (p *peers) isWitness(node string) bool {
	n, _ := p.find(node)
	return n.Role == store.Witness
}

// find returns one of the others.
func (p *peers) find(node string) (store.Node, bool) {
	for _, n := range p.others() {
		if n.Name == node {
			return n, true
		}
	}
	return store.Node{}, false
}

// addressOf returns where the cluster port of a node is.
func (p *peers) addressOf(node string) (netip.AddrPort, bool) {
	n, ok := p.find(node)
	return n.Address, ok
}

// sessions returns with whom to keep sessions: a main with all, the others with
// the mains, of which they take the first that answers. So that not all take
// the same, each begins somewhere else. While no main is heard they have them
// among themselves too.
func (p *peers) sessions() []session.Peer {
	with := p.mains()
	if p.self.Role == RoleMain {
		with = p.others()
	} else if len(with) > 0 {
		at := turn(p.self.Name) % len(with)
		with = append(with[at:], with[:at]...)
	}
	if p.self.Role != RoleMain && p.alone.Load() {
		with = append(with, p.guards()...)
	}
	var all []session.Peer
	view := p.view()
	for _, n := range with {
		all = append(all, session.Peer{
			Node: n.Name, Role: n.Role, Address: n.Address, Site: view.SiteOf(n),
			Relay: p.self.Role == RoleMain && n.Role != store.Main, Budget: p.budget(n),
		})
	}
	return all
}

// budget returns how many kbit/s of the line to a node may be taken; 0 for as many
// as there are, at the same site. The line of a site is that of its branch; between
// two of a kind the smaller budget counts. Both ends find the same.
func (p *peers) budget(to store.Node) int {
	own, found := p.view().Node(p.self.Name)
	if !found {
		own = store.Node{Name: p.self.Name, Role: p.self.Role, Site: p.self.Site}
	}
	here, there := p.view().SiteOf(own), p.view().SiteOf(to)
	switch {
	case here == there:
		return 0
	case own.Role == store.Main && to.Role != store.Main:
		return p.budgetOf(there)
	case own.Role != store.Main && to.Role == store.Main:
		return p.budgetOf(here)
	}
	return min(p.budgetOf(here), p.budgetOf(there))
}

func (p *peers) budgetOf(site string) int {
	if s, ok := p.view().Site(site); ok {
		return s.Budget
	}
	return store.DefaultBudget
}

// seeds returns the others as the rings want to know them.
func (p *peers) seeds() []ring.Seed {
	var all []ring.Seed
	view := p.view()
	for _, n := range p.others() {
		all = append(all, ring.Seed{Node: n.Name, Site: view.SiteOf(n), Role: n.Role, Address: n.Address})
	}
	return all
}

// turn spreads names.
func turn(name string) int {
	sum := 0
	for _, c := range []byte(name) {
		sum = (sum*31 + int(c)) % (1 << 20)
	}
	return sum
}

// isUp reports whether the link to a node stands; known is false for a node
// that this one keeps no link to.
func (p *peers) isUp(node string) (up, known bool) {
	for _, l := range p.links() {
		if l.Node == node {
			return l.State == session.Up, true
		}
	}
	return false, false
}

// Dial implements [sipcore.Peers].
func (p *peers) Dial(ctx context.Context, node string) (net.Conn, error) {
	at, ok := p.addressOf(node)
	if !ok {
		return nil, &unknownNode{node}
	}
	return p.port.Dial(ctx, node, at, link.ProtocolSIP)
}

// NodeAt implements [sipcore.Peers].
func (p *peers) NodeAt(addr netip.Addr) (string, bool) {
	for _, n := range p.others() {
		if n.Address.Addr() == addr {
			return n.Name, true
		}
	}
	return "", false
}

// Relays implements [sipcore.Peers]: the mains that are heard.
func (p *peers) Relays() []string {
	var all []string
	for _, l := range p.links() {
		if n, ok := p.find(l.Node); ok && n.Role == store.Main && l.State == session.Up {
			all = append(all, l.Node)
		}
	}
	return all
}

// askTime is how long a node may take to answer another's question.
const askTime = 3 * time.Second

// ask puts a question to a node.
func (p *peers) ask(ctx context.Context, n store.Node, kind string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return p.port.Ask(ctx, n.Name, n.Address, kind, body)
}

type unknownNode struct{ name string }

// Error implements error.
func (u *unknownNode) Error() string { return "the system has no node " + u.name }
