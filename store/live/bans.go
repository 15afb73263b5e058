package live

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxBans bounds the bans of one node: the one that ends first makes room.
const maxBans = 4096

// Bans is the table of the addresses that are kept out, in the whole system. Make
// one with NewBans. It is safe for concurrent use, and nothing in it waits. A
// ban ends by itself; nothing else needs to happen for that.
type Bans struct {
	node    string
	journal Journal
	changed func(b Ban, banned bool)
	count   atomic.Int64

	mu        sync.RWMutex
	byAddress map[netip.Prefix][]Ban // one of each node at most
	byNode    map[string]int         // how many
}

// NewBans returns an empty table of the node named node. Its own changes go to
// journal, which may be nil.
func NewBans(node string, journal Journal) *Bans {
	if journal == nil {
		journal = nobody{}
	}
	return &Bans{
		node: node, journal: journal, changed: func(Ban, bool) {},
		byAddress: make(map[netip.Prefix][]Ban), byNode: make(map[string]int),
	}
}

// OnChange has f called with every ban, of any node, that begins or is over. f
// runs with a lock of the table held: it must neither block nor call the table.
// Set it before the table is used.
func (b *Bans) OnChange(f func(x Ban, banned bool)) { b.changed = f }

// Covers reports whether the address is kept out. When nobody is, which is almost
// always, it costs next to nothing.
func (b *Bans) Covers(a netip.Addr, now time.Time) bool {
	if b.count.Load() == 0 {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, x := range b.byAddress[household(a)] {
		if now.Before(x.Until) {
			return true
		}
	}
	return false
}

// Put keeps an address out from now on, by decision of this node.
func (b *Bans) Put(a netip.Addr, length time.Duration, times int, why string, now time.Time) {
	x := Ban{Address: household(a), Why: why, Node: b.node, Times: times, Since: now, Until: now.Add(min(length, longestBan))}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putLocked(x)
	b.journal.Set(x.Address.String(), x.shared())
}

// Lift ends the ban of an address by this node, and hides those of others until
// they say so themselves. It returns all that there were.
func (b *Bans) Lift(a netip.Addr) []Ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	lifted := slices.Clone(b.byAddress[household(a)])
	for _, x := range lifted {
		b.removeLocked(x)
	}
	return lifted
}

// Learn takes over what another node's journal says about one of its bans: a
// value, or nothing when it is over.
func (b *Bans) Learn(node, key string, value []byte) error {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(value) == 0 {
		if x, ok := b.findLocked(node, key); ok {
			b.removeLocked(x)
		}
		return nil
	}
	x, err := parseBan(key, value, now)
	if err != nil || node == b.node {
		return fmt.Errorf("learning a ban from %q: %w", node, errBan)
	}
	x.Node = node
	b.putLocked(x)
	return nil
}

// Forget drops the bans of a node that will not come back.
func (b *Bans) Forget(node string) {
	b.drop(func(x Ban) bool { return x.Node == node && node != b.node })
}

// Expire removes the bans that are over by now.
func (b *Bans) Expire(now time.Time) {
	b.drop(func(x Ban) bool { return !now.Before(x.Until) })
}

// Run removes bans that are over, until ctx ends.
func (b *Bans) Run(ctx context.Context) error { return sweep(ctx, b.Expire) }

// All returns every ban that is not over, in no particular order.
func (b *Bans) All() []Ban {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all, now := []Ban{}, time.Now()
	for _, list := range b.byAddress {
		for _, x := range list {
			if now.Before(x.Until) {
				all = append(all, x)
			}
		}
	}
	return all
}

func (b *Bans) drop(which func(Ban) bool) {
	if b.count.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var over []Ban
	for _, list := range b.byAddress {
		for _, x := range list {
			if which(x) {
				over = append(over, x)
			}
		}
	}
	for _, x := range over {
		b.removeLocked(x)
	}
}

func (b *Bans) findLocked(node, key string) (Ban, bool) {
	address, err := netip.ParsePrefix(key)
	if err != nil {
		return Ban{}, false
	}
	list := b.byAddress[address]
	i := slices.IndexFunc(list, func(x Ban) bool { return x.Node == node })
	if i < 0 {
		return Ban{}, false
	}
	return list[i], true
}

// putLocked adds x, or replaces what its node said of the address before.
func (b *Bans) putLocked(x Ban) {
	list := b.byAddress[x.Address]
	if i := slices.IndexFunc(list, func(y Ban) bool { return y.Node == x.Node }); i >= 0 {
		list[i] = x
		b.changed(x, true)
		return
	}
	if b.byNode[x.Node] >= maxBans {
		b.removeLocked(b.firstToEndLocked(x.Node))
	}
	b.byAddress[x.Address] = append(b.byAddress[x.Address], x)
	b.byNode[x.Node]++
	b.count.Add(1)
	b.changed(x, true)
}

// removeLocked forgets x, and tells others if it was ours.
func (b *Bans) removeLocked(x Ban) {
	list := slices.DeleteFunc(b.byAddress[x.Address], func(y Ban) bool { return y.Node == x.Node })
	if len(list) == 0 {
		delete(b.byAddress, x.Address)
	} else {
		b.byAddress[x.Address] = list
	}
	if b.byNode[x.Node]--; b.byNode[x.Node] == 0 {
		delete(b.byNode, x.Node)
	}
	b.count.Add(-1)
	if x.Node == b.node {
		b.journal.Delete(x.Address.String())
	}
	b.changed(x, false)
}

func (b *Bans) firstToEndLocked(node string) (first Ban) {
	for _, list := range b.byAddress {
		for _, x := range list {
			if x.Node == node && (first.Node == "" || x.Until.Before(first.Until)) {
				first = x
			}
		}
	}
	return first
}
