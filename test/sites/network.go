package sites

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"carillon/cluster/link"
)

// A network joins the ports of nodes in memory.
type network struct {
	mu    sync.Mutex
	lines map[string]*line // by site
	ports map[string]*port
}

func newNetwork() *network { return &network{lines: map[string]*line{}, ports: map[string]*port{}} }

// A port is what sessions and rings take for a link.Port.
type port struct {
	n       *network
	name    string
	site    string
	address netip.AddrPort
	busy    [2]time.Time // sending, receiving
	work    time.Duration

	conns   map[string]func(context.Context, net.Conn, link.Peer)
	packets map[byte]func(string, netip.AddrPort, []byte)
	talked  map[string]*[2]time.Time // said, heard
}

// open returns a port of a node that works for so long on what it sends to others,
// and as long on what it gets.
func (n *network) open(name, site string, address netip.AddrPort, work time.Duration) *port {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &port{
		n: n, name: name, site: site, address: address, work: work,
		conns:   map[string]func(context.Context, net.Conn, link.Peer){},
		packets: map[byte]func(string, netip.AddrPort, []byte){}, talked: map[string]*[2]time.Time{},
	}
	n.ports[name] = p
	return p
}

// passesLocked returns when bytes from one node have come to another one.
func (n *network) passesLocked(from, to *port, bytes int, what string) time.Time {
	at := from.worksLocked(0, time.Now())
	near, far := n.lines[from.site], n.lines[to.site]
	if near == nil && far == nil {
		at = at.Add(lan)
	}
	if near != nil {
		at = near.passes(up, at, bytes, what)
	}
	if far != nil {
		at = far.passes(down, at, bytes, what)
	}
	return to.worksLocked(1, at)
}

func (p *port) worksLocked(on int, at time.Time) time.Time {
	if p.busy[on].Before(at) {
		p.busy[on] = at
	}
	p.busy[on] = p.busy[on].Add(p.work)
	return p.busy[on]
}

func (p *port) talkLocked(node string, way int) {
	if p.talked[node] == nil {
		p.talked[node] = &[2]time.Time{}
	}
	p.talked[node][way] = time.Now()
}

// Handle implements session.Port and ring.Port.
func (p *port) Handle(protocol string, h func(context.Context, net.Conn, link.Peer)) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	p.conns[protocol] = h
}

// HandlePacket implements session.Port and ring.Port.
func (p *port) HandlePacket(class byte, h func(string, netip.AddrPort, []byte)) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	p.packets[class] = h
}

// Talked implements session.Port.
func (p *port) Talked(node string) (said, heard time.Time) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	if t := p.talked[node]; t != nil {
		return t[0], t[1]
	}
	return said, heard
}

// SendPacket implements session.Port and ring.Port.
func (p *port) SendPacket(class byte, node string, _ netip.AddrPort, payload []byte) error {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	to := p.n.ports[node]
	if to == nil || to.packets[class] == nil {
		return nil // it is lost
	}
	p.talkLocked(node, 0)
	copied := append([]byte(nil), payload...)
	due := p.n.passesLocked(p, to, len(payload)+packetHead, map[byte]string{'h': "hello", 'r': "ring"}[class])
	time.AfterFunc(time.Until(due), func() {
		p.n.mu.Lock()
		to.talkLocked(p.name, 1)
		h := to.packets[class]
		p.n.mu.Unlock()
		h(p.name, p.address, copied)
	})
	return nil
}

var errRefused = errors.New("connection refused")

// Dial implements session.Port and ring.Port.
func (p *port) Dial(ctx context.Context, node string, _ netip.AddrPort, protocol string) (net.Conn, error) {
	n := p.n
	n.mu.Lock()
	to, what := n.ports[node], map[bool]string{true: "ring", false: "session"}[protocol == link.ProtocolRing]
	if to == nil || to.conns[protocol] == nil {
		n.mu.Unlock()
		return nil, errRefused
	}
	there := n.passesLocked(p, to, connectingUp, what)
	back := n.passesLocked(to, p, connectingDown, what)
	out, in := newHalf(p, to, what), newHalf(to, p, what)
	handle := to.conns[protocol]
	n.mu.Unlock()
	time.AfterFunc(time.Until(there), func() { handle(context.WithoutCancel(ctx), &conn{in: out, out: in}, link.Peer{Node: p.name}) })
	time.Sleep(time.Until(back)) // the lines' delay alone: nobody waits for long
	return &conn{in: in, out: out}, nil
}
