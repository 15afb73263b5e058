package live

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// mostLeases bounds of how many addresses the table knows anything.
const mostLeases = 1 << 17

// Leases is what the nodes of a site say of the addresses that DHCP gives out. It
// keeps what each of them says, and of one address the latest counts; so the
// order in which it learns does not matter. What a node has said is not forgotten
// with that node: a device may go on with the address. Make one with NewLeases.
// It is safe for concurrent use, and nothing in it waits.
type Leases struct {
	node string

	mu       sync.RWMutex
	said     map[netip.Addr][]Lease // one of each node
	byClient map[string][]netip.Addr
}

// NewLeases returns an empty table of the node named node.
func NewLeases(node string) *Leases {
	return &Leases{node: node, said: make(map[netip.Addr][]Lease), byClient: make(map[string][]netip.Addr)}
}

// Put notes what a node says, and reports whether there was room for it.
func (l *Leases) Put(x Lease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.putLocked(x)
}

func (l *Leases) putLocked(x Lease) bool {
	list := l.said[x.Address]
	if list == nil && len(l.said) >= mostLeases {
		return false
	}
	if i := slices.IndexFunc(list, func(y Lease) bool { return y.Node == x.Node }); i >= 0 {
		before := list[i].Client
		list[i] = x
		if !slices.ContainsFunc(list, func(y Lease) bool { return y.Client == before }) {
			l.unlinkLocked(before, x.Address)
		}
	} else {
		l.said[x.Address] = append(list, x)
	}
	if x.Client != "" && !slices.Contains(l.byClient[x.Client], x.Address) {
		l.byClient[x.Client] = append(l.byClient[x.Client], x.Address)
	}
	return true
}

// Learn notes what another node's journal says. It returns what is new in it, if
// anything is. That something is gone there means nothing here.
func (l *Leases) Learn(node, key string, value []byte, now time.Time) (Lease, bool, error) {
	if len(value) == 0 {
		return Lease{}, false, nil
	}
	x, err := parseLease(key, string(value), now)
	if err != nil || node == l.node {
		return x, false, fmt.Errorf("learning a lease from %q: %w", node, errLease)
	}
	x.Node = node
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, y := range l.said[x.Address] {
		if y.Node == node && y.Stamp == x.Stamp && y.Turn == x.Turn && y.State == x.State {
			return y, false, nil // it is told again what it knows, and since when
		}
	}
	return x, l.putLocked(x), nil
}

// Restore notes what AppendRecord wrote of a node's saying.
func (l *Leases) Restore(node, key, value string) error {
	x, err := parseLeaseRecord(key, value)
	if err != nil {
		return fmt.Errorf("restoring a lease: %w", err)
	}
	x.Node = node
	l.Put(x)
	return nil
}

// Of returns what counts of an address.
func (l *Leases) Of(a netip.Addr) (Lease, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return latest(l.said[a])
}

// Said returns all that is said of an address.
func (l *Leases) Said(a netip.Addr) []Lease {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.said[a])
}

// OfClient returns what a device has or last had, what lasts longest first.
func (l *Leases) OfClient(client string) []Lease {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []Lease
	for _, a := range l.byClient[client] {
		if x, _ := latest(l.said[a]); x.HeldBy(client) {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(x, y Lease) int {
		if c := y.Until.Compare(x.Until); c != 0 {
			return c
		}
		return x.Address.Compare(y.Address)
	})
	return all
}

// All returns what counts of every address, in their order.
func (l *Leases) All() []Lease {
	l.mu.RLock()
	all := make([]Lease, 0, len(l.said))
	for _, list := range l.said {
		x, _ := latest(list)
		all = append(all, x)
	}
	l.mu.RUnlock()
	slices.SortFunc(all, func(x, y Lease) int { return x.Address.Compare(y.Address) })
	return all
}

// Drop forgets an address, and returns who had said something of it.
func (l *Leases) Drop(a netip.Addr) []Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.said[a]
	for _, x := range list {
		l.unlinkLocked(x.Client, a)
	}
	delete(l.said, a)
	return list
}

func (l *Leases) unlinkLocked(client string, a netip.Addr) {
	left := slices.DeleteFunc(l.byClient[client], func(b netip.Addr) bool { return a == b })
	if len(left) == 0 {
		delete(l.byClient, client)
	} else {
		l.byClient[client] = left
	}
}

// latest returns what counts of what is said of one address.
func latest(said []Lease) (x Lease, found bool) {
	for i := range said {
		if !found || said[i].isAfter(&x) {
			x, found = said[i], true
		}
	}
	return x, found
}
