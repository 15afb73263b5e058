package ring

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"carillon/cluster/link"
)

// On the port, each packet and each stream begins with the length of the ring's
// name (one byte) and the name.

const longestName = 255

// A port shares the cluster port among the rings.
type port struct {
	Port
	mu    sync.Mutex
	rings map[string]*transport
}

func newPort(p Port) *port {
	s := &port{Port: p, rings: map[string]*transport{}}
	p.HandlePacket(PacketClass, s.packet)
	p.Handle(link.ProtocolRing, s.stream)
	return s
}

func (p *port) ring(name string) *transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rings[name]
}

// packet hands a packet to its ring; what a full ring cannot take is lost, as
// packets are.
func (p *port) packet(from string, at netip.AddrPort, payload []byte) {
	name, rest, ok := cutName(payload)
	t := p.ring(name)
	if !ok || t == nil {
		return
	}
	t.learn(from, at)
	copied := append([]byte(nil), rest...)
	select {
	case t.packets <- &memberlist.Packet{Buf: copied, From: net.UDPAddrFromAddrPort(at), Timestamp: time.Now()}:
	default:
	}
}

// stream hands a connection to its ring, which closes it.
func (p *port) stream(ctx context.Context, c net.Conn, _ link.Peer) {
	name, err := readName(c)
	t := p.ring(name)
	if err != nil || t == nil {
		_ = c.Close()
		return
	}
	select {
	case t.streams <- c:
	case <-t.ended:
		_ = c.Close()
	case <-ctx.Done():
		_ = c.Close()
	}
}

func readName(c net.Conn) (string, error) {
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	b := make([]byte, 256)
	if _, err := io.ReadFull(c, b[:1]); err != nil {
		return "", err
	}
	name := b[1 : 1+int(b[0])]
	if _, err := io.ReadFull(c, name); err != nil {
		return "", err
	}
	return string(name), c.SetReadDeadline(time.Time{})
}

func withName(name string, b []byte) []byte {
	return append(append(make([]byte, 0, 1+len(name)+len(b)), byte(len(name))), name+string(b)...) //nolint:gosec // longestName fits
}

func cutName(b []byte) (name string, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	return string(b[1 : 1+b[0]]), b[1+b[0]:], true
}

// connectTime is how long a connection may take to come up.
const connectTime = 1500 * time.Millisecond

var errNobody = errors.New("no node is known there")

// A transport is one ring's part of the port. It implements
// [memberlist.NodeAwareTransport].
type transport struct {
	port    *port
	ring    string
	self    netip.AddrPort
	packets chan *memberlist.Packet
	streams chan net.Conn
	ended   chan struct{}
	once    sync.Once

	mu    sync.Mutex
	names map[netip.AddrPort]string // who was where, for what memberlist sends without a name
}

func (p *port) open(ring string, self netip.AddrPort) *transport {
	t := &transport{
		port: p, ring: ring, self: self, names: map[netip.AddrPort]string{},
		packets: make(chan *memberlist.Packet, 64), streams: make(chan net.Conn), ended: make(chan struct{}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rings[ring] = t
	return t
}

func (t *transport) learn(node string, at netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.names) > 10_000 { // more than any ring has
		clear(t.names)
	}
	t.names[at] = node
}

// whom returns the node that memberlist means, and where.
func (t *transport) whom(a memberlist.Address) (node string, at netip.AddrPort, err error) {
	if at, err = netip.ParseAddrPort(a.Addr); err != nil {
		return "", at, err
	}
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if a.Name != "" {
		return a.Name, at, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if node = t.names[at]; node == "" {
		return "", at, errNobody
	}
	return node, at, nil
}

// FinalAdvertiseAddr implements [memberlist.Transport].
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.self.Addr().AsSlice(), int(t.self.Port()), nil
}

// WriteTo implements [memberlist.Transport].
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress implements [memberlist.NodeAwareTransport].
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	node, at, err := t.whom(a)
	if err != nil {
		return time.Time{}, err
	}
	return time.Now(), t.port.SendPacket(PacketClass, node, at, withName(t.ring, b))
}

// PacketCh implements [memberlist.Transport].
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout implements [memberlist.Transport].
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout implements [memberlist.NodeAwareTransport].
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	node, at, err := t.whom(a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(timeout, connectTime))
	defer cancel()
	c, err := t.port.Dial(ctx, node, at, link.ProtocolRing)
	if err != nil {
		return nil, err
	}
	_ = c.SetWriteDeadline(time.Now().Add(connectTime))
	if _, err = c.Write(withName(t.ring, nil)); err != nil {
		_ = c.Close()
		return nil, err
	}
	_ = c.SetWriteDeadline(time.Time{})
	return c, nil
}

// StreamCh implements [memberlist.Transport].
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown implements [memberlist.Transport].
func (t *transport) Shutdown() error {
	t.once.Do(func() {
		t.port.mu.Lock()
		defer t.port.mu.Unlock()
		if t.port.rings[t.ring] == t {
			delete(t.port.rings, t.ring)
		}
		close(t.ended)
	})
	return nil
}
