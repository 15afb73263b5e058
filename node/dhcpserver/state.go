package dhcpserver

import (
	"maps"
	"net/netip"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// follow takes over the configuration.
func (a *allocator) follow(pools []store.Pool, members []string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pools = pools
	a.share.longest = store.LeastLease
	for _, p := range pools {
		a.share.longest = max(a.share.longest, p.Lease)
	}
	clear(a.full)
	clear(a.swept)
	a.serveLocked()
	if a.share.follow(members, now) {
		a.say = true
	}
	for _, m := range members { // who was heard before it was a member
		if x, heard := a.share.others[m]; heard && m != a.share.self && a.share.own.Known[m] != x.Epoch {
			_ = a.learnStatus(m, x.bytes(), x.at)
		}
	}
}

// serve notes whether this node answers from now on, and where it answers DNS.
func (a *allocator) serve(on bool, dns netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.on, a.dns = on, dns
	a.serveLocked()
}

// serveLocked says what this node does. One that never answered, at a site without
// pools, has nothing to say.
func (a *allocator) serveLocked() {
	if !a.on && len(a.pools) == 0 && a.share.own.Epoch == 0 {
		return
	}
	if a.share.turn(a.on) || a.share.own.DNS != a.dns {
		a.share.own.DNS, a.say = a.dns, true
	}
}

// configured returns the pools.
func (a *allocator) configured() []store.Pool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pools
}

// waitsFor returns who has to be heard before anything is given.
func (a *allocator) waitsFor(now time.Time) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.share.waitsFor(now)
}

// remedy says what the operator can do about a pool of which nothing is left.
func (a *allocator) remedy(p *store.Pool) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	sharing := a.share.sharing()
	if !p.First.IsValid() {
		return "it has reservations only"
	}
	for _, node := range sharing {
		if node != a.share.self && !a.alive(node) {
			return "the addresses of " + node + " wait for it: start it, or remove it if it will not come back; or make the range larger"
		}
	}
	return "make the range larger, or leases shorter"
}

// resolvers returns the nodes of the site that answer DNS, this one first; those
// that are drained only if there is no other.
func (a *allocator) resolvers(alive, drained func(string) bool) []netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	var stay, leave []netip.Addr
	add := func(node string, at netip.Addr) {
		switch {
		case !at.IsValid():
		case drained(node):
			leave = append(leave, at)
		default:
			stay = append(stay, at)
		}
	}
	add(a.share.self, a.share.own.DNS)
	for _, m := range a.share.members {
		if m != a.share.self && alive(m) {
			add(m, a.share.others[m].DNS)
		}
	}
	if len(stay) == 0 {
		return leave
	}
	return stay
}

// take returns what this node has learned or said since it was asked last, and what
// it and others say of themselves, if that has changed.
func (a *allocator) take() (changes []live.Lease, said map[string]status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.say {
		said = map[string]status{a.share.self: a.share.own}
		for node, x := range a.share.others {
			said[node] = x.status
		}
	}
	changes, a.changes, a.say = a.changes, nil, false
	for node, x := range said { // the maps go on being written
		x.Known, x.Gone = maps.Clone(x.Known), maps.Clone(x.Gone)
		said[node] = x
	}
	return changes, said
}

// giveBack undoes take, where what was taken could not be written.
func (a *allocator) giveBack(changes []live.Lease, said map[string]status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes = append(changes, a.changes...)
	a.say = a.say || said != nil
}

// restore takes over what a node said of itself before this one was started.
func (a *allocator) restore(node string, x status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if node != a.share.self {
		a.share.others[node] = heard{status: x}
		return
	}
	a.share.own = x
	if x.Known == nil {
		a.share.own.Known = epochs{}
	}
	if x.Gone == nil {
		a.share.own.Gone = ends{}
	}
}
