// Package sites runs the sessions and rings of systems of hundreds of sites in one
// process, in simulated time, over lines of 1 Mbit/s and 50 ms that are counted.
//
//	go test ./test/sites -v -full
//
// prints what a line carries when nothing happens, and how long it takes until a
// change is known everywhere, beside their goals. Without -full there are at most 50
// sites.
package sites

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
	"carillon/cluster/ring"
	"carillon/cluster/session"
	"carillon/store/live"
)

// A system is two mains at the head office, and a LifeGUARD at each of its sites.
type system struct {
	*network

	tb      testing.TB
	mains   []*node
	guards  []*node
	seeds   []ring.Seed
	changes changes
	stop    func()
	running sync.WaitGroup
}

// A node is a main, or the LifeGUARD of a site.
type node struct {
	*port

	sessions *session.Sessions
	rings    *ring.Rings
	table    *live.Bindings // of its own phones
	bindings *session.Namespace
	pointers *session.Namespace
	calls    *live.Dialogs
	told     sync.Map // since when each side of its calls is what it is
}

// work is how long a main takes for what it says to a node, and for what it is told.
// The real one, with the node on the same machine, took 36 µs for both together.
const work = 100 * time.Microsecond

func openSystem(tb testing.TB, sites int) *system {
	tb.Helper()
	s := &system{network: newNetwork(), tb: tb, changes: changes{under: map[string]*change{}}}
	for i, name := range []string{"laurel", "hardy"} {
		s.mains = append(s.mains, s.node(name, "hq", netip.AddrFrom4([4]byte{10, 255, 0, byte(i + 1)}), work))
	}
	for i := range sites {
		site := fmt.Sprintf("site%03d", i)
		s.lines[site] = &line{carried: map[string]int{}}
		s.guards = append(s.guards, s.node(site+"-node", site, netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 0))
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	for i, n := range s.mains {
		s.runs(ctx, n, link.Main, i)
	}
	for i, n := range s.guards {
		s.runs(ctx, n, link.LifeGUARD, i)
	}
	return s
}

func (s *system) close() {
	s.stop()
	s.running.Wait()
	time.Sleep(time.Minute) // memberlist's probes end by themselves
}

func (s *system) node(name, site string, at netip.Addr, work time.Duration) *node {
	n := &node{port: s.open(name, site, netip.AddrPortFrom(at, 7946), work)}
	role := link.LifeGUARD
	if site == "hq" {
		role = link.Main
	}
	s.seeds = append(s.seeds, ring.Seed{Node: name, Site: site, Role: string(role), Address: n.address})
	return n
}

// runs begins sessions and rings of a node, the i-th of its kind.
func (s *system) runs(ctx context.Context, n *node, role link.Role, i int) {
	s.tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var err error
	n.sessions, err = session.New(session.Options{
		Node: n.name, Role: string(role), Inc: 1, Port: n, Logger: quiet, Priority: []string{"reg", "ptr", "dlg"}, Concerns: concerns,
		Peers: func() []session.Peer { return s.peers(n, role, i) },
		Learned: func(owner, channel string, x replica.Change) {
			if class, site, _ := strings.Cut(channel, "/"); class == "dlg" {
				n.learns(s.tb, owner, site, x)
			} else if strings.HasPrefix(channel, "reg/") == (role == link.Main) {
				s.changes.heard(x.Key())
			}
		},
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	n.rings, err = ring.New(ring.Options{
		Node: n.name, Site: n.site, Role: string(role), Version: "v1.0.0", Address: n.address, Port: n, Logger: quiet,
		Seeds: func() []ring.Seed { return s.seeds },
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	n.table = live.NewBindings(n.name, n)
	n.bindings, n.pointers = n.sessions.Namespace("reg/"+n.site), n.sessions.Namespace("ptr/"+n.site)
	n.callsOf(s)
	s.running.Go(func() { _ = n.sessions.Run(ctx) })
	s.running.Go(func() { _ = n.rings.Run(ctx) })
}

// concerns is what the nodes of a site want to hear, as package node says it.
func concerns(site, channel string) bool {
	class, of, _ := strings.Cut(channel, "/")
	return class == "dlg" || (class == "reg") == (of == site)
}

// peers returns with whom the i-th node of its kind keeps sessions.
func (s *system) peers(n *node, role link.Role, i int) (all []session.Peer) {
	const budget = 64
	mains := s.mains
	if role == link.Main {
		for _, g := range s.guards {
			all = append(all, session.Peer{Node: g.name, Address: g.address, Site: g.site, Relay: true, Budget: budget})
		}
	} else if i%2 == 1 { // half of them prefer the other one
		mains = []*node{mains[1], mains[0]}
	}
	for _, m := range mains {
		if m != n {
			peer := session.Peer{Node: m.name, Address: m.address, Site: m.site}
			if role != link.Main {
				peer.Budget = budget
			}
			all = append(all, peer)
		}
	}
	return all
}

// Set implements live.Journal, as package node does.
func (n *node) Set(key string, value []byte) {
	if x, err := live.ParseShared(key, string(value)); err == nil {
		n.bindings.Set(key, value)
		n.pointers.Set(live.PointerKey(key), x.AppendPointer(nil))
	}
}

// Delete implements live.Journal.
func (n *node) Delete(key string) {
	n.bindings.Delete(key)
	n.pointers.Delete(live.PointerKey(key))
}
