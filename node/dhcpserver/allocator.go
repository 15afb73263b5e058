package dhcpserver

import (
	"hash/fnv"
	"net/netip"
	"sync"
	"time"

	"carillon/store"
	"carillon/store/live"
)

const (
	offerLife   = 20 * time.Second // an offered address waits so long for its device
	declineLife = time.Hour        // an address with somebody else on it is tried again then
	expiredGap  = time.Minute      // behind the end of a lease: clocks run differently
	waited      = 3                // seconds, or tries, after which every server answers
	recallStep  = 64               // addresses that are recalled at a time
	sweepRate   = 4096             // addresses a second that are looked at in a pool from end to end
	keepAway    = 24 * time.Hour   // before what is no longer configured is forgotten
)

// A query is what a device wants, apart from how it says so.
type query struct {
	client    string // how it is told apart
	id        []byte // what RFC 3074 takes
	mac       string
	host      string
	requested netip.Addr // zero: none
	eager     bool       // it has waited: whoever can answers
}

// An allocator decides who gets which address, on values: it knows no packet, no
// clock, no disk. What it has decided is in changes; it must be on disk before a
// device or another node hears of it. It is safe for concurrent use.
//
// Two servers never give one address to two devices, whatever is lost between
// them, because of three rules:
//
//  1. Only its owner gives an address to a device that is new (see share): each
//     address has one owner among the servers of a site, whether they live or not.
//  2. Every server renews what it knows of for the device that has it.
//  3. Before an owner gives an address to another device it has all servers say that
//     they will not renew it any more (recall, cede). One that is silent says
//     nothing, and the address stays with its device.
type allocator struct {
	leases *live.Leases
	alive  func(node string) bool

	mu      sync.Mutex
	share   share
	among   []string   // share.sharing, as it was when this question began
	on      bool       // this node listens
	dns     netip.Addr // where it answers DNS
	pools   []store.Pool
	offers  map[netip.Addr]offer
	full    map[netip.Prefix]time.Time // pools of which nothing was left at that time
	swept   map[netip.Prefix]time.Time // pools that were looked through for old leases then
	changes []live.Lease               // what this node has learned or said since it was asked last
	say     bool                       // what this node says of itself has changed
	stamp   int64
}

type offer struct {
	client string
	until  time.Time
}

func newAllocator(self string, leases *live.Leases, alive func(string) bool) *allocator {
	return &allocator{
		leases: leases, alive: alive, share: newShare(self),
		offers: map[netip.Addr]offer{}, full: map[netip.Prefix]time.Time{}, swept: map[netip.Prefix]time.Time{},
	}
}

// A refusal says why a device gets no address.
type refusal int

const (
	granted   refusal = iota
	notMine           // another server answers it
	waiting           // other servers have to be heard first
	exhausted         // nothing is left
	unknown           // nothing is known of the address that it has: silence
	wrong             // it must not have that address: NAK
)

// discover returns the address to offer. It is kept for the device for some time.
func (a *allocator) discover(p *store.Pool, q query, now time.Time) (netip.Addr, refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.share.own.On {
		return netip.Addr{}, notMine
	}
	if len(a.share.waitsFor(now)) > 0 {
		return netip.Addr{}, waiting
	}
	if !q.eager && answering(q.id, a.share.living(a.alive)) != a.share.self {
		return netip.Addr{}, notMine
	}
	a.among = a.share.sharing()
	x, why := a.choose(p, q, now)
	if why == granted {
		a.offers[x] = offer{q.client, now.Add(offerLife)}
	}
	return x, why
}

// choose prefers what is reserved, what the device has, what it wishes, and then
// what is free.
func (a *allocator) choose(p *store.Pool, q query, now time.Time) (netip.Addr, refusal) {
	if r := p.ReservedFor(q.mac); r.IsValid() && a.mayHave(p, r, q, now) {
		return r, granted
	}
	for _, x := range a.leases.OfClient(q.client) {
		if p.Network.Contains(x.Address) && a.mayHave(p, x.Address, q, now) {
			return x.Address, granted
		}
	}
	if q.requested.IsValid() && a.mayHave(p, q.requested, q, now) {
		return q.requested, granted
	}
	return a.anyFree(p, q, now)
}

// anyFree looks for a free address, from a place that depends on the device: so it
// finds again what it had before, and is in nobody's way.
func (a *allocator) anyFree(p *store.Pool, q query, now time.Time) (netip.Addr, refusal) {
	if !p.First.IsValid() || now.Sub(a.full[p.Network]) < rest(p) {
		return netip.Addr{}, exhausted
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(q.client))
	first, size := number(p.First), sizeOf(p)
	start := scramble(h.Sum64()) % size
	for i := range size {
		if x := address(first + uint32((start+i)%size)); a.mayHave(p, x, q, now) { //nolint:gosec // below size
			return x, granted
		}
	}
	a.full[p.Network] = now
	return netip.Addr{}, exhausted
}

// mayHave reports whether this node may give an address to a device.
func (a *allocator) mayHave(p *store.Pool, x netip.Addr, q query, now time.Time) bool {
	if !fits(p, x, q.mac) {
		return false
	}
	if o, offered := a.offers[x]; offered && o.client != q.client && now.Before(o.until) {
		return false
	}
	is, _ := a.leases.Of(x)
	switch {
	case is.HeldBy(q.client):
		return true
	case p.Reserved(x) == "" && owner(x, a.among) != a.share.self:
		return false
	case is.State == live.LeaseRecalled && is.Node == a.share.self && is.Client == q.client:
		return true // it was its own, and nobody else has got it since
	}
	return free(a.leases.Said(x), a.among)
}

// fits reports whether the configuration lets a device have an address.
func fits(p *store.Pool, x netip.Addr, mac string) bool {
	if owner := p.Reserved(x); owner != "" {
		return owner == mac
	}
	return p.Contains(x)
}

// request grants an address that a device was offered, or has. p is nil where no
// pool has the address.
func (a *allocator) request(p *store.Pool, q query, chosen bool, now time.Time) refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.share.own.On {
		return notMine
	}
	is, found := a.leases.Of(q.requested)
	a.among = a.share.sharing()
	switch {
	case p == nil || !fits(p, q.requested, q.mac):
		if chosen || found && is.HeldBy(q.client) || p != nil && !p.Network.Contains(q.requested) {
			return wrong
		}
		return unknown
	case found && is.State == live.LeaseHeld && is.Client != q.client && now.Before(is.Until):
		return wrong
	case len(a.share.waitsFor(now)) > 0:
		return waiting
	case a.mayHave(p, q.requested, q, now):
		a.hold(p, q, is, now)
		return granted
	case chosen || found && is.State == live.LeaseDeclined:
		return wrong
	}
	return unknown
}

func (a *allocator) hold(p *store.Pool, q query, is live.Lease, now time.Time) {
	turn := is.Turn
	if !is.HeldBy(q.client) {
		turn++
	}
	a.put(live.Lease{
		Address: q.requested, State: live.LeaseHeld, Turn: turn, Client: q.client, MAC: q.mac, Host: q.host, Until: now.Add(p.Lease),
	}, now)
	delete(a.offers, q.requested)
}

// put says something of an address.
func (a *allocator) put(x live.Lease, now time.Time) {
	a.stamp = max(a.stamp+1, now.Unix())
	x.Node, x.Stamp = a.share.self, a.stamp
	if a.leases.Put(x) {
		a.changes = append(a.changes, x)
	}
}

// withdraw ends an offer that the device did not take.
func (a *allocator) withdraw(x netip.Addr, client string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.offers[x].client == client {
		delete(a.offers, x)
	}
}

// release ends the lease of a device that goes.
func (a *allocator) release(q query, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	is, _ := a.leases.Of(q.requested)
	if a.share.own.On && is.HeldBy(q.client) && is.Node == a.share.self {
		is.Until = now
		a.put(is, now)
	}
}

// decline takes an address out of use for some time: a device that had it, or no
// device at all, has found somebody else on it.
func (a *allocator) decline(x netip.Addr, client string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	is, found := a.leases.Of(x)
	if !a.share.own.On || found && client != "" && !is.HeldBy(client) || !found && client != "" {
		return false
	}
	turn := is.Turn
	if !is.HeldBy(client) {
		turn++
	}
	a.put(live.Lease{Address: x, State: live.LeaseDeclined, Turn: turn, Until: now.Add(declineLife)}, now)
	delete(a.offers, x)
	return true
}

// tick does what time asks for: it forgets offers, and recalls addresses of devices
// that have not come back where few are left.
func (a *allocator) tick(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for x, o := range a.offers {
		if !now.Before(o.until) {
			delete(a.offers, x)
		}
	}
	if a.share.follow(a.share.members, now) {
		a.say = true
	}
	if !a.share.own.On || len(a.share.waitsFor(now)) > 0 {
		return
	}
	sharing := a.share.sharing()
	for i := range a.pools {
		p := &a.pools[i]
		if now.Sub(a.swept[p.Network]) >= rest(p) {
			a.swept[p.Network] = now
			a.recall(p, sharing, now)
		}
	}
	a.forget(now)
}

// sizeOf returns how many addresses the range of a pool has; 1 if it has none.
func sizeOf(p *store.Pool) uint64 {
	if !p.First.IsValid() {
		return 1
	}
	return uint64(number(p.Last)-number(p.First)) + 1
}

// rest is the time between two looks through a whole pool, which nobody else can use
// meanwhile: the largest takes a tenth of a second.
func rest(p *store.Pool) time.Duration {
	return time.Duration(max(1, sizeOf(p)/sweepRate)) * time.Second //nolint:gosec // a pool has 65536 at most
}

// poolOf returns the pool whose network has the address; nil for none.
func poolOf(pools []store.Pool, x netip.Addr) *store.Pool {
	for i := range pools {
		if pools[i].Network.Contains(x) {
			return &pools[i]
		}
	}
	return nil
}

// each calls f with every address that the pool gives out.
func each(p *store.Pool, f func(netip.Addr)) {
	if p.First.IsValid() {
		for n := number(p.First); ; n++ {
			if f(address(n)); n == number(p.Last) {
				break
			}
		}
	}
	for _, r := range p.Reservations {
		if !p.Contains(r.Address) {
			f(r.Address)
		}
	}
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) //nolint:gosec // its bytes
}
