// Package resolve finds where to send a request: from the host, port and
// transport of a SIP URI to transports and addresses in the order to try them,
// as RFC 3263 says (NAPTR, SRV, A and AAAA). It remembers answers for as long
// as they live, and for half a minute which targets were dead.
//
// It opens no flow and sends no SIP; sipcore/proxy asks it and says how its
// answers fared. It asks the name servers of the system, anew from resolv.conf
// for each question, so that a change there needs no restart. The hosts file
// and search domains are not read: SIP domains are complete names.
package resolve

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"carillon/sipcore/transport"
)

const maxHops = 32 // of one answer; a caller gives up long before

// Options is what a Resolver works with. The zero Options asks the system's
// name servers.
type Options struct {
	Server  string        // a name server's address, with or without a port; "" = those of the system
	Timeout time.Duration // of one question, to all servers together; 0 = 2 s
	Logger  *slog.Logger  // nil = no log
}

// A Resolver answers where a request can be sent. It is safe for concurrent
// use, starts nothing and needs no closing.
type Resolver struct {
	memory *memory
	dead   *dead
}

// New returns a Resolver.
func New(o Options) *Resolver {
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	u := &upstream{servers: systemServers, timeout: o.Timeout, turns: make(chan struct{}, mostQuestions())}
	if o.Server != "" {
		only := []string{withPort(o.Server)}
		u.servers = func() []string { return only }
	}
	return &Resolver{memory: newMemory(u.ask, o.Logger), dead: newDead()}
}

// Literal returns the hop to a target that is an IP address and so needs no
// name server; ok is false for any other. It never blocks.
func (r *Resolver) Literal(t Target) (h Hop, ok bool) {
	addr, ok := t.addr()
	if !ok {
		return Hop{}, false
	}
	kind, err := t.kind()
	if err != nil {
		return Hop{}, false
	}
	return place{kind: kind, port: t.Port}.hop(addr), true
}

// Lookup returns the hops to t, best first; those that failed lately come last.
// It blocks until the name servers have answered, have been silent too long, or
// ctx is done; without an error there is at least one hop. Equal questions of
// several callers are asked once.
func (r *Resolver) Lookup(ctx context.Context, t Target) ([]Hop, error) {
	if h, ok := r.Literal(t); ok {
		return []Hop{h}, nil
	}
	hops, err := r.lookup(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", t.Host, err)
	}
	hops = named(unique(hops), t.Host)
	r.dead.toBack(hops, time.Now())
	return hops[:min(len(hops), maxHops)], nil
}

// Failed says that h could not be reached: it goes last for 30 s.
func (r *Resolver) Failed(h Hop) { r.dead.add(h, time.Now()) }

// HasFailed reports whether h could not be reached within the last 30 s.
func (r *Resolver) HasFailed(h Hop) bool { return r.dead.has(h, time.Now()) }

// OK says that h was reached.
func (r *Resolver) OK(h Hop) { r.dead.remove(h) }

// lookup is RFC 3263 section 4: which transport, then which addresses and port.
func (r *Resolver) lookup(ctx context.Context, t Target) ([]Hop, error) {
	kind, err := t.kind()
	if err != nil {
		return nil, err
	}
	name, err := domainName(t.Host)
	if err != nil {
		return nil, err
	}
	alone := []place{{kind, name, t.Port}}
	if t.Port != 0 {
		return r.hops(ctx, alone)
	}
	places, found := r.announced(ctx, name, t)
	if !found {
		places = alone
	}
	return r.hops(ctx, places)
}

// announced returns where the domain says that its SIP servers stand; found is
// false when it says nothing, so that its own address is what remains.
func (r *Resolver) announced(ctx context.Context, name string, t Target) (places []place, found bool) {
	if t.Transport != "" {
		kind, _ := t.kind()
		return r.servers(ctx, []service{serviceOf(kind, name)})
	}
	var pointers []pointer
	inParallel(
		func() { pointers = r.pointers(ctx, name, t.Secure) },
		func() { places, found = r.servers(ctx, ownPreference(name, t.Secure)) },
	)
	if pointed, ok := r.follow(ctx, pointers); ok {
		return pointed, true
	}
	return places, found
}

// hops returns the addresses of the places, in their order. One place without
// an address is passed over; it is an error when no place has any.
func (r *Resolver) hops(ctx context.Context, places []place) ([]Hop, error) {
	places = places[:min(len(places), maxHops)]
	found := make([][]Hop, len(places))
	failed := make([]error, len(places))
	forEach(places, func(i int, p place) {
		addrs, err := r.addresses(ctx, p.host)
		for _, addr := range addrs {
			found[i] = append(found[i], p.hop(addr))
		}
		failed[i] = err
	})
	if hops := slices.Concat(found...); len(hops) > 0 {
		return hops, nil
	}
	return nil, cmp.Or(append(failed, errNoServer)...)
}

// named says whom to expect over TLS: the name that was asked for, not the one
// that the name servers made of it.
func named(hops []Hop, name string) []Hop {
	for i := range hops {
		if hops[i].Kind == transport.TLS {
			hops[i].Name = strings.TrimSuffix(name, ".")
		}
	}
	return hops
}

// unique leaves out what stands in hops before.
func unique(hops []Hop) []Hop {
	kept := hops[:0]
	for _, h := range hops {
		if !slices.Contains(kept, h) {
			kept = append(kept, h)
		}
	}
	return kept
}
