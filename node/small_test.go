package node

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/store"
	"carillon/store/disk"
)

// Real things made small, for tests of what a node decides: a configuration on
// disk that needs nobody to agree, nodes that are only written down, links that
// a test says are up.

// decisive agrees with every Change at once.
type decisive struct {
	config  *disk.Config
	refuses error // instead, if not nil
	asked   int
}

func (d *decisive) Propose(_ context.Context, command []byte) (uint64, error) {
	d.asked++
	if d.refuses != nil {
		return 0, d.refuses
	}
	index := d.config.Applied() + 1
	return index, d.config.Apply(index, command)
}

// agreed is a configuration of sites hq, mons and namur and the given nodes.
func agreed(t *testing.T, nodes ...store.Node) (*configuration, *decisive) {
	t.Helper()
	c, err := disk.OpenConfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	d := &decisive{config: c}
	config := &configuration{Config: c, proposer: d, events: admin.NewEvents("laurel")}
	var sites []store.Site
	for i, name := range []string{"hq", "mons", "namur"} {
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 77, byte(i + 1)}), 24)
		sites = append(sites, store.Site{Name: name, Networks: []netip.Prefix{network}})
	}
	propose(t, config, store.ReplaceAll(store.Config{Domain: "tel.test", Sites: sites}, store.Author{}))
	for _, n := range nodes {
		propose(t, config, store.SetNode{Node: n})
	}
	return config, d
}

func propose(t *testing.T, c *configuration, change store.Change) {
	t.Helper()
	if err := c.Propose(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// written is a node as the View has it; its place is its name's.
func written(name, role, site string) store.Node {
	at := map[string]string{
		"laurel": "127.77.1.1", "hardy": "127.77.1.2", "stan": "127.77.1.3",
		"mons": "127.77.2.1", "mons2": "127.77.2.2", "namur": "127.77.3.1",
	}[name]
	return store.Node{
		Name: name, Role: role, Site: site, Address: netip.AddrPortFrom(netip.MustParseAddr(at), clusterPort),
		Certificate: "certificate of " + name, Epoch: 1,
	}
}

// someNodes are two mains and two LifeGUARDs.
func someNodes() []store.Node {
	return []store.Node{
		written("hardy", RoleMain, "hq"), written("laurel", RoleMain, "hq"),
		written("mons", RoleLifeguard, "mons"), written("namur", RoleLifeguard, "namur"),
	}
}

// links are lines that a test says are up or down.
type links map[string]session.Link

// say sets lines: "mons up", "hardy down", for so long.
func (l links) say(state session.State, age time.Duration, nodes ...string) {
	for _, n := range nodes {
		l[n] = session.Link{Node: n, State: state, Since: time.Now().Add(-age)}
	}
}

func (l links) list() (all []session.Link) {
	for _, x := range l {
		all = append(all, x)
	}
	return all
}

// peersOf is what a node knows of the others.
func peersOf(t *testing.T, self store.Node, l links, nodes ...store.Node) *peers {
	t.Helper()
	config, _ := agreed(t, nodes...)
	return &peers{self: identity{Name: self.Name, Role: self.Role}, view: config.View, links: l.list}
}

// portOf opens the port of a node.
func portOf(t *testing.T, a *link.Authority, name string, role link.Role) *link.Port {
	t.Helper()
	key, request, err := link.NewRequest(name)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := a.Issue(request, name, role)
	if err != nil {
		t.Fatal(err)
	}
	own, err := key.Identity(certificate, a.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	p, err := link.Open(link.Options{Listen: netip.AddrPortFrom(freeAddress(t), 0), Identity: own, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// happened are the texts of all events.
func happened(e *admin.Events) (all []string) {
	events, _ := e.After(0)
	for _, x := range events {
		all = append(all, x.Text)
	}
	return all
}
