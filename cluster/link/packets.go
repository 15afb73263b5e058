package link

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

type packetHandler func(from string, at netip.AddrPort, payload []byte)

// pairs are the other nodes by packets.
type pairs struct {
	classes [256]packetHandler // written before Run
	buffers sync.Pool          // of *[]byte, for sealing

	mu     sync.RWMutex
	own    *ecdh.PrivateKey
	ownErr error
	nodes  map[string]*pair
	index  map[uint32]*pair
	keys   map[[hellosName]byte]*pair
	places map[netip.AddrPort]*pair // where each was sent to last
}

func newPairs(own Identity) *pairs {
	ps := &pairs{
		nodes: map[string]*pair{}, index: map[uint32]*pair{},
		keys: map[[hellosName]byte]*pair{}, places: map[netip.AddrPort]*pair{},
	}
	ps.begin(own)
	ps.buffers.New = func() any { return new(make([]byte, 0, 2048)) }
	return ps
}

// begin begins with another key, and knows nobody.
func (ps *pairs) begin(own Identity) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.own, ps.ownErr = own.key.ECDH()
	clear(ps.nodes)
	clear(ps.index)
	clear(ps.keys)
	clear(ps.places)
}

// HandlePacket gives the packets of a class to h, one after the other: h must
// not wait, and not keep the payload.
func (p *Port) HandlePacket(class byte, h func(from string, at netip.AddrPort, payload []byte)) {
	p.pairs.classes[class] = h
}

// Trust gives a node's certificate (DER), so that packets can be sealed for it
// before any handshake.
func (p *Port) Trust(node string, certificate []byte) error {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return fmt.Errorf("trusting %s: %w", node, err)
	}
	peer, err := p.check([]*x509.Certificate{parsed})
	if err != nil {
		return fmt.Errorf("trusting %s: %w", node, err)
	}
	if peer.Node != node {
		return fmt.Errorf("trusting %s: %w: %s", node, ErrWrongNode, peer.Node)
	}
	return p.pairs.learn(node, parsed)
}

// SendPacket sends a sealed packet to a node. Like any packet it may be lost;
// it leaves later, or not, while there is no key with the node, which begins
// a handshake in the background. It does not wait and does not keep payload.
func (p *Port) SendPacket(class byte, node string, at netip.AddrPort, payload []byte) error {
	if p.deaf.is(node) {
		return nil
	}
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	r := p.pairs.of(node, at)
	buffer, _ := p.pairs.buffers.Get().(*[]byte)
	defer p.pairs.buffers.Put(buffer)
	packet, greeting, meet := r.send(time.Now(), (*buffer)[:0], letter{at: at, class: class, payload: payload})
	if meet {
		p.meet(r, at)
	}
	if greeting != nil {
		p.write(node, at, greeting)
	}
	if packet == nil {
		return nil
	}
	*buffer = packet
	if _, err := p.udp.WriteToUDPAddrPort(packet, at); err != nil {
		return fmt.Errorf("sending a packet to %s: %w", node, err)
	}
	p.ledger.add(node, packetWord(class), Carried{Out: onLine(len(packet), at.Addr())})
	return nil
}

// Talked says when a packet last went to a node and when one came from it, of
// whatever class; the zero times for never.
func (p *Port) Talked(node string) (said, heard time.Time) {
	p.pairs.mu.RLock()
	r := p.pairs.nodes[node]
	p.pairs.mu.RUnlock()
	if r == nil {
		return said, heard
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said, r.heard
}

// meet begins a handshake that tells each side the other's certificate.
func (p *Port) meet(r *pair, at netip.AddrPort) {
	started := p.start(func() {
		defer r.metDone()
		c, err := p.dial(p.ctx, r.node, at, protocolMeet)
		if err != nil {
			p.log.Debug("meeting a node", "node", r.node, "address", at, "error", err)
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetReadDeadline(time.Now().Add(handshakeTime))
		_, _ = c.Read(make([]byte, 1)) // until the other has read our certificate
		if greeting := r.afterMeeting(time.Now()); greeting != nil {
			p.write(r.node, at, greeting)
		}
	})
	if !started {
		r.metDone()
	}
}

func (p *Port) write(node string, at netip.AddrPort, packet []byte) {
	if _, err := p.udp.WriteToUDPAddrPort(packet, at); err != nil {
		p.log.Debug("sending a packet", "address", at, "error", err)
		return
	}
	p.ledger.add(node, meeting, Carried{Out: onLine(len(packet), at.Addr())})
}

// readPackets hands out what comes by UDP until the port closes.
func (p *Port) readPackets() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := p.udp.ReadFromUDPAddrPort(b)
		switch {
		case err == nil:
			p.takePacket(b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case errors.Is(err, net.ErrClosed):
			return
		default: // of the moment, such as no memory
			p.log.Debug("reading packets", "error", err)
			time.Sleep(pause)
		}
	}
}

func (p *Port) takePacket(b []byte, from netip.AddrPort) {
	switch {
	case len(b) >= Overhead && b[0] == kindData:
		p.takeData(b, from)
	case len(b) == helloSize && b[0] == kindHello:
		p.takeHello(b, from)
	default:
		p.counts.add(reasonPacket, "address", from, "bytes", len(b))
	}
}

func (p *Port) takeData(b []byte, from netip.AddrPort) {
	now := time.Now()
	r, at := p.pairs.byIndex(binary.BigEndian.Uint32(b[1:]), from)
	if r == nil {
		p.counts.add(reasonPacket, "address", from, "bytes", len(b))
		if at != nil {
			if greeting := at.asked(now); greeting != nil {
				p.write(at.node, from, greeting)
			}
		}
		return
	}
	if p.deaf.is(r.node) {
		return
	}
	class, payload, greeting, v := r.opened(now, b)
	switch v {
	case good:
		p.ledger.add(r.node, packetWord(class), Carried{In: onLine(len(b), from.Addr())})
		if h := p.pairs.classes[class]; h != nil {
			h(r.node, from, payload)
		}
	case replayed:
		p.counts.add(reasonReplay, "address", from, "node", r.node)
	case forged:
		p.counts.add(reasonPacket, "address", from, "bytes", len(b))
		if greeting != nil {
			p.write(r.node, from, greeting)
		}
	}
}

func (p *Port) takeHello(b []byte, from netip.AddrPort) {
	r := p.pairs.byKey(b[1 : 1+hellosName])
	if r == nil {
		p.counts.add(reasonPacket, "address", from, "bytes", len(b))
		return
	}
	if p.deaf.is(r.node) {
		return
	}
	if p.outcast(r) {
		p.counts.add(reasonRevoked, "address", from, "node", r.node)
		p.pairs.forget(r.node)
		return
	}
	answer, waited, ok := r.greeted(time.Now(), b)
	if !ok {
		p.counts.add(reasonPacket, "address", from, "bytes", len(b))
		return
	}
	p.ledger.add(r.node, meeting, Carried{In: onLine(len(b), from.Addr())})
	if answer != nil {
		p.write(r.node, from, answer)
	}
	for _, l := range waited {
		p.write(r.node, l.at, l.packet)
	}
}

// outcast says that the node's certificate has ceased to count since it was learned.
func (p *Port) outcast(r *pair) bool {
	certificate := r.known()
	if certificate == nil {
		return false
	}
	_, err := p.check([]*x509.Certificate{certificate})
	return err != nil
}

// of returns the pair with a node, which is to be reached at an address.
func (ps *pairs) of(node string, at netip.AddrPort) *pair {
	ps.mu.RLock()
	r, there := ps.nodes[node], ps.places[at]
	ps.mu.RUnlock()
	if r != nil && r == there {
		return r
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	r = ps.ofLocked(node)
	if len(ps.places) >= knownAddresses {
		clear(ps.places) // only a help after a restart
	}
	ps.places[at] = r
	return r
}

func (ps *pairs) ofLocked(node string) *pair {
	if r := ps.nodes[node]; r != nil {
		return r
	}
	r := &pair{node: node, index: ps.freeIndexLocked()}
	ps.nodes[node], ps.index[r.index] = r, r
	return r
}

func (ps *pairs) freeIndexLocked() uint32 {
	for {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		if index := binary.BigEndian.Uint32(b[:]); ps.index[index] == nil {
			return index
		}
	}
}

// learn takes a node's certificate, which was checked. Another key than the
// known one starts the pair anew.
func (ps *pairs) learn(node string, certificate *x509.Certificate) error {
	public, err := p256(certificate.PublicKey)
	if err != nil {
		return fmt.Errorf("learning the key of %s: %w", node, err)
	}
	theirs, err := public.ECDH()
	if err != nil {
		return fmt.Errorf("learning the key of %s: %w", node, err)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.ownErr != nil {
		return fmt.Errorf("learning the key of %s: %w", node, ps.ownErr)
	}
	r := ps.ofLocked(node)
	old, err := r.learn(ps.own, theirs, certificate)
	if old != ([32]byte{}) {
		delete(ps.keys, [hellosName]byte(old[:hellosName]))
	}
	name := keyName(theirs)
	ps.keys[[hellosName]byte(name[:hellosName])] = r
	return err
}

func (ps *pairs) byIndex(index uint32, from netip.AddrPort) (r, at *pair) {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.index[index], ps.places[from]
}

func (ps *pairs) byKey(name []byte) *pair {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return ps.keys[[hellosName]byte(name)]
}

func (ps *pairs) all() []*pair {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return slices.Collect(maps.Values(ps.nodes))
}

func (ps *pairs) forget(node string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	r := ps.nodes[node]
	if r == nil {
		return
	}
	delete(ps.nodes, node)
	delete(ps.index, r.index)
	for name, other := range ps.keys {
		if other == r {
			delete(ps.keys, name)
		}
	}
	for at, other := range ps.places {
		if other == r {
			delete(ps.places, at)
		}
	}
}
