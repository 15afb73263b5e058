package link

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// How many may be in the middle of a handshake at once. Strangers cannot take
// the room of members: an address that once proved itself counts apart.
const (
	roomForStrangers = 64
	roomForSource    = 8
	roomForMembers   = 512
	knownAddresses   = 4096
)

// A door counts who is between accepted and believed.
type door struct {
	mu      sync.Mutex
	strange int
	members int
	source  map[netip.Addr]int
	proven  map[netip.Addr]bool // addresses that proved themselves
}

func newDoor() *door {
	return &door{source: map[netip.Addr]int{}, proven: map[netip.Addr]bool{}}
}

// enter takes one place; leave may be called more than once.
func (d *door) enter(from netip.AddrPort) (leave func(), ok bool) {
	source := sourceOf(from)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proven[source] && d.members < roomForMembers {
		d.members++
		return sync.OnceFunc(func() { d.leave(&d.members) }), true
	}
	if d.strange >= roomForStrangers || d.source[source] >= roomForSource {
		return nil, false
	}
	d.strange++
	d.source[source]++
	return sync.OnceFunc(func() { d.leaveStranger(source) }), true
}

func (d *door) leave(count *int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*count--
}

func (d *door) leaveStranger(source netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strange--
	if d.source[source]--; d.source[source] == 0 {
		delete(d.source, source)
	}
}

// know remembers an address from which a member came.
func (d *door) know(from netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.proven) < knownAddresses {
		d.proven[sourceOf(from)] = true
	}
}

func (d *door) known(from netip.AddrPort) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.proven[sourceOf(from)]
}

// sourceOf is what one stranger can hardly have many of: an IPv4 address, or a
// network of IPv6.
func sourceOf(from netip.AddrPort) netip.Addr {
	address := from.Addr().Unmap()
	if network, err := address.Prefix(64); err == nil && address.Is6() {
		return network.Addr()
	}
	return address
}

func addressOf(c net.Conn) netip.AddrPort {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return netip.AddrPortFrom(tcp.AddrPort().Addr().Unmap(), tcp.AddrPort().Port())
	}
	return netip.AddrPort{}
}

var errTooMuch = errors.New("too much before it said who it is")

// A stranger is a connection that may send little until it is believed.
type stranger struct {
	net.Conn
	left     int64
	believed atomic.Bool
	unknown  bool // asked for no protocol of ours; only the handshake writes it
}

func (s *stranger) believe() { s.believed.Store(true) }

func (s *stranger) Read(b []byte) (int, error) {
	if s.believed.Load() {
		return s.Conn.Read(b)
	}
	if s.left <= 0 {
		return 0, errTooMuch
	}
	n, err := s.Conn.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}
