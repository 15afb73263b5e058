package transport

import (
	"net/netip"
	"sync"
)

// shards of the table by ID: a look-up meets a writer only by chance.
const shards = 32

// farEnd is the other end of a connection as one who wants to send to it names it:
// a connection to an address is good for who wants that address, one whose peer
// has shown to be name for who wants that name at that address.
type farEnd struct {
	kind Kind
	at   netip.AddrPort
	name string // in lower case; "" is whoever is there
}

// table knows the open stream flows, by ID and by peer, and how many more there
// may be.
type table struct {
	byID [shards]shard

	maxConns, maxPerIP int

	mu       sync.RWMutex // guards all below
	byRemote map[farEnd]*conn
	perIP    map[netip.Addr]int // accepted ones
	places   int                // taken, of maxConns
}

type shard struct {
	mu    sync.RWMutex
	conns map[uint64]*conn
}

func newTable(maxConns, maxPerIP int) *table {
	t := &table{
		maxConns: maxConns, maxPerIP: maxPerIP,
		byRemote: make(map[farEnd]*conn), perIP: make(map[netip.Addr]int),
	}
	for i := range t.byID {
		t.byID[i].conns = make(map[uint64]*conn)
	}
	return t
}

// refusal says which limit forbids one more connection.
type refusal int

const (
	welcome refusal = iota
	tooMany
	tooManyFromIP
)

// admit takes a place for a connection accepted from peer, which release gives back.
func (t *table) admit(peer netip.Addr) refusal {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := household(peer)
	switch {
	case t.places >= t.maxConns:
		return tooMany
	case t.perIP[who] >= t.maxPerIP:
		return tooManyFromIP
	}
	t.places++
	t.perIP[who]++
	return welcome
}

// reserve takes a place for a connection that we open.
func (t *table) reserve() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places >= t.maxConns {
		return false
	}
	t.places++
	return true
}

// seat takes a place for a connection to another node: nodes are few, and no
// crowd of phones keeps them out.
func (t *table) seat() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places++
}

// leave gives back a place taken by admit (accepted), reserve or seat.
func (t *table) leave(peer netip.Addr, accepted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places--
	if !accepted {
		return
	}
	who := household(peer)
	if t.perIP[who]--; t.perIP[who] <= 0 {
		delete(t.perIP, who)
	}
}

// link makes c findable. Of two flows with one peer, at two addresses of ours,
// the later is found.
func (t *table) link(c *conn) {
	s := t.shard(c.id)
	s.mu.Lock()
	s.conns[c.id] = c
	s.mu.Unlock()
	if c.kind == Node {
		return // what goes to an address goes to a phone
	}
	t.mu.Lock()
	t.byRemote[c.end()] = c
	t.mu.Unlock()
}

// unlink makes c unfindable.
func (t *table) unlink(c *conn) {
	s := t.shard(c.id)
	s.mu.Lock()
	delete(s.conns, c.id)
	s.mu.Unlock()
	t.mu.Lock()
	if t.byRemote[c.end()] == c {
		delete(t.byRemote, c.end())
	}
	t.mu.Unlock()
}

func (t *table) shard(id uint64) *shard { return &t.byID[id%shards] }

// find returns the flow called id, or nil.
func (t *table) find(id uint64) *conn {
	s := t.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.conns[id]
}

// to returns an open flow to the other end that is meant.
func (t *table) to(end farEnd) (Flow, bool) {
	t.mu.RLock()
	c := t.byRemote[end]
	t.mu.RUnlock()
	if c == nil || !c.open() {
		return Flow{}, false
	}
	return c.flow(), true
}

// webs returns the WebSockets of one shard.
func (t *table) webs(i int) (found []*conn) {
	s := &t.byID[i]
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.conns {
		if c.web != nil {
			found = append(found, c)
		}
	}
	return found
}

// len returns how many flows there are.
func (t *table) len() int {
	n := 0
	for i := range t.byID {
		s := &t.byID[i]
		s.mu.RLock()
		n += len(s.conns)
		s.mu.RUnlock()
	}
	return n
}

// each calls f for every flow.
func (t *table) each(f func(*conn)) {
	for i := range t.byID {
		s := &t.byID[i]
		s.mu.RLock()
		for _, c := range s.conns {
			f(c)
		}
		s.mu.RUnlock()
	}
}

// household is whom a limit per address is for: one IPv4 address, or the /64
// that one IPv6 host can pick its addresses from.
func household(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
