package session

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"carillon/cluster/link"
)

// A network joins ports in memory. A line can be cut, in one direction or both:
// packets are lost then, and what is written to a connection waits, as TCP
// does, until the line is back or somebody closes it.
type network struct {
	mu    sync.Mutex
	ports map[string]*port
	cut   map[[2]string]bool
	sent  map[[2]string]traffic
	told  map[[2]string]time.Time // the last packet of others than sessions
	still map[string]bool         // nodes that stand still: they say and hear nothing until they go on
	wake  sync.Cond
	loss  func() bool
	seen  func(way [2]string, bytes int) // told of what the line carries, if not nil
}

type traffic struct{ packets, packetBytes, writes, bytes, carried int }

func newNetwork() *network {
	n := &network{ports: map[string]*port{}, cut: map[[2]string]bool{}, sent: map[[2]string]traffic{}, told: map[[2]string]time.Time{}, still: map[string]bool{}}
	n.wake.L = &n.mu
	return n
}

func (n *network) set(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = cut
	n.wake.Broadcast()
}

func (n *network) setBoth(a, b string, cut bool) {
	n.set(a, b, cut)
	n.set(b, a, cut)
}

// heal ends all cuts.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	n.wake.Broadcast()
}

func (n *network) traffic(from, to string) traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent[[2]string{from, to}]
}

type port struct {
	n      *network
	name   string
	handle func(context.Context, net.Conn, link.Peer)
	packet func(string, netip.AddrPort, []byte)
	closed bool
}

func (n *network) port(name string) *port {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &port{n: n, name: name}
	n.ports[name] = p
	return p
}

func (p *port) Handle(_ string, h func(context.Context, net.Conn, link.Peer)) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	p.handle = h
}

func (p *port) HandlePacket(_ byte, h func(string, netip.AddrPort, []byte)) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	p.packet = h
}

// openLocked returns the port of a node, if it is there.
func (n *network) openLocked(node string) *port {
	if p := n.ports[node]; p != nil && p.handle != nil && p.packet != nil && !p.closed {
		return p
	}
	return nil
}

func (p *port) Dial(ctx context.Context, node string, _ netip.AddrPort, _ string) (net.Conn, error) {
	n := p.n
	n.mu.Lock()
	to := n.openLocked(node)
	cut := n.cut[[2]string{p.name, node}] || n.cut[[2]string{node, p.name}]
	n.mu.Unlock()
	if cut {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if to == nil {
		return nil, errors.New("connection refused")
	}
	there, back := &half{n: n, way: [2]string{p.name, node}}, &half{n: n, way: [2]string{node, p.name}}
	go to.handle(context.WithoutCancel(ctx), &pipe{in: there, out: back}, link.Peer{Node: p.name})
	return &pipe{in: back, out: there}, nil
}

func (p *port) SendPacket(_ byte, node string, at netip.AddrPort, payload []byte) error {
	n, way := p.n, [2]string{p.name, node}
	n.mu.Lock()
	t := n.sent[way]
	t.packets++
	t.packetBytes += len(payload)
	n.sent[way] = t
	to, lost := n.openLocked(node), n.cut[way] || n.loss != nil && n.loss()
	n.mu.Unlock()
	if to != nil && !lost {
		time.AfterFunc(10*time.Millisecond, func() {
			n.mu.Lock()
			n.waitLocked(node)
			n.mu.Unlock()
			to.packet(p.name, at, payload)
		})
	}
	return nil
}

// standStill stops the monitor of nodes, and keeps what comes for them until
// they go on.
func (n *network) standStill(still bool, nodes ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, node := range nodes {
		n.still[node] = still
	}
	n.wake.Broadcast()
}

func (n *network) waitLocked(node string) {
	for n.still[node] {
		n.wake.Wait()
	}
}

// Talked says what others than sessions have said: tell.
func (p *port) Talked(node string) (said, heard time.Time) {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	p.n.waitLocked(p.name)
	return p.n.told[[2]string{p.name, node}], p.n.told[[2]string{node, p.name}]
}

// Carried says what connections and packets had the line carry.
func (p *port) Carried(node string) map[string]link.Carried {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	out, in := p.n.sent[[2]string{p.name, node}], p.n.sent[[2]string{node, p.name}]
	return map[string]link.Carried{
		classSession: {Out: uint64(out.carried), In: uint64(in.carried)},
		classHello:   {Out: uint64(out.packetBytes + out.packets*overPacket), In: uint64(in.packetBytes + in.packets*overPacket)},
	}
}

// tell has a packet go from one node to another that is not a hello.
func (n *network) tell(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told[[2]string{from, to}] = time.Now()
}

// A half carries the bytes of a connection one way.
type half struct {
	n      *network
	way    [2]string
	data   []byte
	closed bool

	carried uint64 // by the line
}

// carries counts what the line has: this way, and what acknowledges it the other
// way.
func (h *half) carries(bytes int, back *half) {
	segments := (bytes + recordHead + segmentSize - 1) / segmentSize
	h.carry(bytes + recordHead + segments*segmentHead)
	back.carry((segments + 1) / 2 * segmentHead)
}

func (h *half) carry(bytes int) {
	h.carried += uint64(bytes)
	t := h.n.sent[h.way]
	t.carried += bytes
	h.n.sent[h.way] = t
	if h.n.seen != nil {
		h.n.seen(h.way, bytes)
	}
}

type pipe struct {
	net.Conn
	in, out *half
}

// Carried implements carrier.
func (c *pipe) Carried() link.Carried {
	c.in.n.mu.Lock()
	defer c.in.n.mu.Unlock()
	return link.Carried{Out: c.out.carried, In: c.in.carried}
}

func (c *pipe) Read(b []byte) (int, error) {
	n := c.in.n
	n.mu.Lock()
	defer n.mu.Unlock()
	for !c.in.closed && (len(c.in.data) == 0 || n.cut[c.in.way]) {
		n.wake.Wait()
	}
	if len(c.in.data) == 0 || n.cut[c.in.way] {
		return 0, io.EOF
	}
	k := copy(b, c.in.data)
	c.in.data = c.in.data[k:]
	return k, nil
}

func (c *pipe) Write(b []byte) (int, error) {
	n := c.out.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.in.closed || c.out.closed && !n.cut[c.in.way] {
		return 0, io.ErrClosedPipe
	}
	t := n.sent[c.out.way]
	t.writes++
	t.bytes += len(b)
	n.sent[c.out.way] = t
	c.out.carries(len(b), c.in)
	c.out.data = append(c.out.data, b...)
	n.wake.Broadcast()
	return len(b), nil
}

func (c *pipe) SetWriteDeadline(time.Time) error { return nil }

func (c *pipe) Close() error {
	n := c.in.n
	n.mu.Lock()
	defer n.mu.Unlock()
	c.in.closed = true
	if !n.cut[c.out.way] { // else the far end does not hear of it
		c.out.closed = true
	}
	n.wake.Broadcast()
	return nil
}
