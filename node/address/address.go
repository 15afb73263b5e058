// Package address has the nodes of a site share one address, for phones that
// know one server only: exactly one of them holds it, and when that one is gone,
// another takes it within two seconds. What they know of each other in this is
// what the LAN says, by ARP or, for IPv6, neighbour discovery: nodes that the LAN
// parts cannot reach the same phones, and who is in one LAN sees who holds it.
//
// A rule decides, on values; a lan is its eyes and hands; a Holder runs both.
package address

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Options is what a Holder is told. All are required but Modest.
type Options struct {
	// Wanted returns the address to share, and its network; the zero Prefix while
	// there is none. It is asked four times a second.
	Wanted func() netip.Prefix
	// Taken is called when the node holds the address, before others are told. An
	// error gives it up again.
	Taken func(netip.Addr) error
	// Given is called before the address goes, or when it has gone.
	Given func(netip.Addr)
	// Modest reports whether other nodes should rather hold the address, if one of
	// them can. It is asked four times a second.
	Modest func() bool
	// Say tells the operator what has happened.
	Say func(format string, args ...any)
}

// A State is how a node stands with the address.
type State struct {
	Address netip.Prefix // zero: none is wanted
	Held    bool         // by this node
	Holder  string       // the hardware address of who holds it, if it is another machine
	Trouble string       // why this node cannot hold it; empty if it can
}

// A Holder holds the address of a site, or waits to. Make one with New.
type Holder struct {
	o Options

	mu    sync.Mutex
	state State
}

// New returns a Holder that does nothing yet.
func New(o Options) *Holder { return &Holder{o: o} }

// State returns how the node stands with the address now.
func (h *Holder) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Run shares the address until ctx ends, and has given it up when it returns. What
// is missing here is told once and tried again: the node runs on.
func (h *Holder) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wanted := h.o.Wanted()
		h.update(func(s *State) {
			if s.Address != wanted {
				*s = State{Address: wanted}
			}
		})
		if !wanted.IsValid() {
			pause(ctx, time.Second)
			continue
		}
		if err := h.share(ctx, wanted); err != nil {
			h.trouble(wanted, err)
			pause(ctx, rest)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (h *Holder) update(f func(*State)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.state)
}

// trouble says why the address cannot be shared here, and does not repeat itself.
func (h *Holder) trouble(wanted netip.Prefix, err error) {
	why := err.Error()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		why = "it takes the capabilities CAP_NET_ADMIN and CAP_NET_RAW: start as root, or " +
			"`setcap cap_net_admin,cap_net_raw,cap_net_bind_service+ep` the program"
	}
	known := false
	h.update(func(s *State) {
		known = s.Trouble == why
		s.Held, s.Holder, s.Trouble = false, "", why
	})
	if !known {
		h.o.Say("this node cannot hold the service address %s: %s", wanted.Addr(), why)
	}
}

// share holds the address, or waits to, until ctx ends, another one is wanted, or
// something fails.
func (h *Holder) share(ctx context.Context, wanted netip.Prefix) error {
	l, err := openLAN(wanted)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan sighting, 16) //nolint:mnd // a burst; who is not heard is heard next time
	var listening sync.WaitGroup
	listening.Go(func() { l.listenTo(ctx, heard) })
	defer func() {
		cancel()
		l.close()
		listening.Wait()
	}()
	return (&holding{Holder: h, lan: l, wanted: wanted, rule: rule{self: l.self}}).run(ctx, heard)
}
