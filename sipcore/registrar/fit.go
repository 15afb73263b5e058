package registrar

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// DropUnfit ends the bindings at this node that view does not admit: their network
// or their transport is not allowed there any more. It tells the log how many, and
// spare where each of them was.
func (r *Registrar) DropUnfit(view *store.View, spare func(netip.Addr)) {
	unfit := func(x live.Binding) bool {
		return x.Node == r.o.Bindings.Node() && x.Source.IsValid() && view.Admits(x.User, x.Source.Addr(), x.Transport) != ""
	}
	n := 0
	for _, x := range r.o.Bindings.All() {
		if !unfit(x) {
			continue
		}
		spare(x.Source.Addr())
		before := n
		_ = r.o.Bindings.Update(x.User, func(have []live.Binding) ([]live.Binding, error) {
			left := slices.DeleteFunc(have, unfit)
			n = before + len(have) - len(left)
			return left, nil
		})
	}
	if n > 0 {
		r.counters.dropped.Add(uint64(n))
		r.o.Logger.Warn("phones are no longer registered: the configuration does not allow their networks any more", "phones", n)
	}
}

// crowds reports whether j would be one phone too many in its network.
func (r *Registrar) crowds(j *job, user string) bool {
	network := j.view.Network(j.source.Addr())
	if network.MostPhones == 0 {
		return false
	}
	for i := range j.contacts {
		c := &j.contacts[i]
		x, known := r.o.Bindings.Device(user, c.device(j.callID))
		if c.asked != 0 && (!known || j.view.Network(x.Source.Addr()).Prefix != network.Prefix) {
			return !r.census.take(r.o.Bindings, j.view, network, j.now)
		}
	}
	return false
}

// census knows how many phones are in each network that bounds them, as of a
// second ago at most: to count is to look at all.
type census struct {
	mu     sync.Mutex
	view   *store.View
	until  time.Time
	phones map[netip.Prefix]int
}

// take counts one phone more in a network, unless that is full.
func (c *census) take(b *live.Bindings, v *store.View, n store.Network, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.view != v || now.After(c.until) {
		c.view, c.until, c.phones = v, now.Add(time.Second), make(map[netip.Prefix]int)
		for _, x := range b.All() {
			if at := v.Network(x.Source.Addr()); at.MostPhones > 0 {
				c.phones[at.Prefix]++
			}
		}
	}
	if c.phones[n.Prefix] >= n.MostPhones {
		return false
	}
	c.phones[n.Prefix]++
	return true
}
