// Package ring says which nodes are alive, as memberlist sees it: one ring per
// site, of its nodes and the mains, and a core ring of the mains, so that no
// branch probes another and a line's cost does not grow with the number of
// sites. All share the port of package link.
//
// It informs: it takes 10 to 40 s to notice, and on a saturated line it may call
// the living dead. Whether a site is on its own is not decided here, and nothing
// is ever deleted because of what it says.
package ring

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"carillon/cluster"
	"carillon/cluster/link"
)

// PacketClass is the class of the rings' packets on the port.
const PacketClass byte = 'r'

// core is the name of the mains' ring; a site's ring has the site's name after
// a colon, so that no site can be named like it.
const core = "core"

func siteRing(site string) string { return ":" + site }

// A Port carries bytes between the nodes; [link.Port] is one.
type Port interface {
	Handle(protocol string, h func(ctx context.Context, c net.Conn, from link.Peer))
	Dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (net.Conn, error)
	HandlePacket(class byte, h func(from string, at netip.AddrPort, payload []byte))
	SendPacket(class byte, node string, at netip.AddrPort, payload []byte) error
}

// A Seed is a node that is known to belong to the system.
type Seed struct {
	Node    string
	Site    string
	Role    string
	Address netip.AddrPort // of its cluster port
}

// Options is what the rings must be told. Node, Site, Role, Version and Address
// are this node's own.
type Options struct {
	Node    string
	Site    string
	Role    string
	Version string
	Address netip.AddrPort // of the cluster port, as others reach it
	Port    Port
	// Seeds returns all nodes known now; it is asked before each try to join.
	// Those never heard of since the start are listed as dead.
	Seeds  func() []Seed
	Logger *slog.Logger

	pace pace // tests are quicker
}

func (o *Options) validate() error {
	switch {
	case o.Node == "" || o.Site == "" || o.Role == "":
		return errors.New("a ring needs the name, site and role of its node")
	case !o.Address.Addr().IsValid() || o.Address.Addr().IsUnspecified() || o.Address.Port() == 0:
		return errors.New("a ring needs the address of its node")
	case o.Port == nil || o.Seeds == nil || o.Logger == nil:
		return errors.New("a ring needs a port, seeds and a logger")
	case len(note{o.Site, o.Role, o.Version}.encode()) > memberlist.MetaMaxSize:
		return errors.New("the names of the node's site and version are too long")
	default:
		return nil
	}
}

// Rings are all rings that this node is in. A main is in the core ring and in
// each site's, another node in its site's.
type Rings struct {
	options Options
	port    *port
	table   *table
	kick    chan struct{}

	mu      sync.Mutex
	rings   map[string]*ring
	running sync.WaitGroup
}

// New takes the rings' part of the port, which must not run yet, and starts
// nothing.
func New(o Options) (*Rings, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.pace == (pace{}) {
		o.pace = usualPace()
	}
	r := &Rings{options: o, table: newTable(), kick: make(chan struct{}, 1), rings: map[string]*ring{}}
	r.port = newPort(o.Port)
	return r, nil
}

// Members returns every node seen since the start and every seed of this node's
// rings, sorted by name. Since is when this node saw it come into its state.
func (r *Rings) Members() []cluster.Member { return r.table.list() }

// Watch has f called with the members whenever they change, from one goroutine,
// by Run. It is called before Run.
func (r *Rings) Watch(f func([]cluster.Member)) { r.table.watchers = append(r.table.watchers, f) }

// Kick has Run ask for the seeds again now.
func (r *Rings) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Run joins, joins again for ever when nodes were lost, and leaves when ctx
// ends, which takes up to two seconds.
func (r *Rings) Run(ctx context.Context) error {
	r.running.Go(func() { r.table.tell(ctx) })
	for ctx.Err() == nil {
		r.refresh(ctx)
		select {
		case <-ctx.Done():
		case <-r.kick:
		case <-time.After(around(r.options.pace.rejoin)):
		}
	}
	r.running.Wait()
	return nil
}

// refresh opens the rings that there are, ends those whose site is gone, and
// has each look for whom it lacks.
func (r *Rings) refresh(ctx context.Context) {
	seeds := r.options.Seeds()
	wanted := r.wanted(seeds)
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, one := range r.rings {
		if _, ok := wanted[name]; !ok {
			one.end()
			delete(r.rings, name)
		}
	}
	for name, its := range wanted {
		one := r.rings[name]
		if one == nil {
			var err error
			if one, err = r.open(name); err != nil {
				r.options.Logger.Error("a ring cannot be opened", "ring", name, "err", err)
				continue
			}
			r.rings[name] = one
			r.running.Go(func() { one.run(ctx) })
		}
		r.table.expect(name, its)
		one.seek(its)
	}
}

// wanted returns the rings that this node belongs to, with their seeds.
func (r *Rings) wanted(seeds []Seed) map[string][]Seed {
	rings := map[string][]Seed{siteRing(r.options.Site): nil}
	if r.options.Role == string(link.Main) {
		rings[core] = nil
		for _, s := range seeds {
			rings[siteRing(s.Site)] = nil
		}
	}
	for name := range rings {
		for _, s := range seeds {
			if s.Node != r.options.Node && belongs(name, s.Site, s.Role) {
				rings[name] = append(rings[name], s)
			}
		}
	}
	return rings
}

// belongs says whether a node is in a ring: a main is in all.
func belongs(ring, site, role string) bool {
	return role == string(link.Main) || ring == siteRing(site)
}

// around returns d ± 50 %.
func around(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // spreads nodes in time, hides nothing
}
