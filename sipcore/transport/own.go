package transport

import (
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// refreshAddresses is how often the machine's addresses are read again.
const refreshAddresses = 5 * time.Second

// addresses are those we listen on: one, or all that the machine has.
type addresses struct {
	only netip.Addr // zero when listening on all

	mu    sync.Mutex // serialises changes of known
	known atomic.Pointer[map[netip.Addr]struct{}]
}

func newAddresses(only netip.Addr) *addresses {
	a := &addresses{only: only}
	if !a.all() {
		a.known.Store(&map[netip.Addr]struct{}{only.WithZone(""): {}})
		return a
	}
	a.refresh()
	return a
}

// all reports whether we listen on every address.
func (a *addresses) all() bool { return !a.only.IsValid() || a.only.IsUnspecified() }

// has reports whether addr is one of ours. All of 127.0.0.0/8 is the machine.
func (a *addresses) has(addr netip.Addr) bool {
	switch {
	case !a.all():
	case a.only.IsValid() && a.only.Is4() != addr.Is4():
		return false
	case addr.IsLoopback():
		return true
	}
	_, ok := (*a.known.Load())[addr.WithZone("")]
	return ok
}

// learn adds an address that something came to before refresh has seen it.
func (a *addresses) learn(addr netip.Addr) {
	if a.has(addr) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	next := maps.Clone(*a.known.Load())
	next[addr.WithZone("")] = struct{}{}
	a.known.Store(&next)
}

// forget takes an address out that learn, or refresh, has put in.
func (a *addresses) forget(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := maps.Clone(*a.known.Load())
	delete(next, addr.WithZone(""))
	a.known.Store(&next)
}

// refresh reads the machine's addresses; if that fails, the old ones stay.
func (a *addresses) refresh() {
	found, err := net.InterfaceAddrs()
	next := make(map[netip.Addr]struct{}, len(found))
	for _, n := range found {
		if p, perr := netip.ParsePrefix(n.String()); perr == nil {
			next[p.Addr().Unmap().WithZone("")] = struct{}{}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil || a.known.Load() == nil {
		a.known.Store(&next)
	}
}

// watchAddresses keeps own fresh while the layer listens on all addresses.
func (l *Layer) watchAddresses() {
	if !l.own.all() {
		return
	}
	tick := time.NewTicker(refreshAddresses)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.own.refresh()
		case <-l.alive.Done():
			return
		}
	}
}
