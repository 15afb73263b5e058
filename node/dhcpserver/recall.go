package dhcpserver

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// recall asks for addresses of this node's part whose leases are over, those first
// that are over longest, when less than a quarter of the part is left.
func (a *allocator) recall(p *store.Pool, sharing []string, now time.Time) {
	var over []live.Lease
	left, part := 0, 0
	each(p, func(x netip.Addr) {
		if !slices.Contains(sharing, a.share.self) || owner(x, sharing) != a.share.self {
			return
		}
		reserved := p.Reserved(x)
		is, found := a.leases.Of(x)
		isOver := found && (is.State == live.LeaseHeld || is.State == live.LeaseDeclined) && now.Sub(a.end(x)) > expiredGap
		switch {
		case reserved != "":
			if isOver && is.MAC != reserved {
				a.recallOne(is, now)
			}
			return
		case isOver:
			over = append(over, is)
		case found && is.State != live.LeaseHeld && is.State != live.LeaseDeclined && a.own(x).Turn < is.Turn:
			a.recallOne(is, now) // a recall of a former life, or of a former owner
			left++
		case !found || is.State == live.LeaseRecalled || is.State == live.LeaseCeded:
			left++
		}
		part++
	})
	slices.SortFunc(over, func(x, y live.Lease) int {
		return cmp.Or(x.Until.Compare(y.Until), x.Address.Compare(y.Address))
	})
	want := min(max(part/4, 1)-left, recallStep, len(over)) //nolint:mnd // a quarter
	for _, is := range over[:max(want, 0)] {
		a.recallOne(is, now)
	}
}

// end returns when the last is over that any node has said of an address.
func (a *allocator) end(x netip.Addr) (last time.Time) {
	for _, y := range a.leases.Said(x) {
		if y.Until.After(last) {
			last = y.Until
		}
	}
	return last
}

func (a *allocator) recallOne(is live.Lease, now time.Time) {
	is.State = live.LeaseRecalled
	is.Turn++
	is.Until = now
	a.put(is, now)
}

// forget drops what is said of addresses that no pool has any more.
func (a *allocator) forget(now time.Time) {
	for _, x := range a.leases.All() {
		if now.Sub(x.Until) > keepAway && poolOf(a.pools, x.Address) == nil {
			for _, y := range a.leases.Drop(x.Address) {
				y.State = 0 // it is gone
				a.changes = append(a.changes, y)
			}
		}
	}
}

// learn takes over what another node says of an address, and answers a recall.
func (a *allocator) learn(node, key string, value []byte, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if key == statusKey {
		return a.learnStatus(node, value, now)
	}
	x, isNew, err := a.leases.Learn(node, key, value, now)
	if err != nil || !isNew {
		return err
	}
	a.changes = append(a.changes, x)
	a.answer(x.Address, now)
	return nil
}

// answer gives up an address that another node recalls, unless this one has renewed
// it since: then its device goes on with it.
func (a *allocator) answer(x netip.Addr, now time.Time) {
	is, _ := a.leases.Of(x)
	if is.State != live.LeaseRecalled || is.Node == a.share.self {
		return
	}
	own := a.own(x)
	if own.Turn >= is.Turn {
		return
	}
	if (own.State == live.LeaseHeld || own.State == live.LeaseDeclined) && now.Before(own.Until) {
		own.Turn = is.Turn + 1
		a.put(own, now)
		return
	}
	a.put(live.Lease{Address: x, State: live.LeaseCeded, Turn: is.Turn, Until: now}, now)
}

// own returns what this node says of an address itself.
func (a *allocator) own(x netip.Addr) live.Lease {
	for _, y := range a.leases.Said(x) {
		if y.Node == a.share.self {
			return y
		}
	}
	return live.Lease{}
}

// learnStatus counts a server in. One that begins anew may have lost what it said
// before, and others with it: this node says it again, before it says that it
// counts it in.
func (a *allocator) learnStatus(node string, value []byte, now time.Time) error {
	if len(value) == 0 {
		return nil
	}
	x, err := parseStatus(value)
	if err != nil {
		return err
	}
	a.say = true // it must be on disk
	if !a.share.learn(node, x, now) {
		return nil
	}
	for _, y := range a.leases.All() {
		if y.Node == node && (y.State == live.LeaseHeld || y.State == live.LeaseDeclined) {
			y.Until = a.end(y.Address) // this node may have renewed it for longer: that stands
			a.put(y, now)
		}
	}
	a.share.own.Known[node] = x.Epoch
	return nil
}
