package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/node/dhcpserver"
	"carillon/store/disk"
)

// leased is the channel in which the nodes of a site tell each other what DHCP has
// given to whom. Behind a slash stands the site.
const leased = "lease"

// askLeases asks another node what it has leased.
const askLeases = "leases"

// answerDHCP opens the port for DHCP, if the operator wants it on an interface. A
// node that does not answer says so to the others of its site, who then divide the
// addresses without it.
func (n *Node) answerDHCP(ctx context.Context, open func(channel string) cluster.Namespace) (err error) {
	if n.identity.Role == RoleWitness {
		return nil
	}
	site, log := n.site(), n.component("dhcp")
	keep := &leases{dir: n.o.Data, log: log}
	n.onClose("the leases", keep.Close)
	o := dhcpserver.Options{
		Node: n.identity.Name, Site: site, View: n.config.View, DNS: n.resolver(), Keep: keep, Logger: log,
		Alive:  func(name string) bool { return !n.system.watches(name) || n.system.isAlive(name) },
		Others: &lateNamespace{open: func() cluster.Namespace { return open(leased + "/" + site) }},
		Tell: func(format string, args ...any) {
			n.events.Add("dhcp", format, args...)
			log.Info("news of DHCP", "news", fmt.Sprintf(format, args...))
		},
	}
	if n.identity.DHCP != off {
		o.Interface = n.identity.DHCP
	}
	if n.dhcp, err = dhcpserver.Open(ctx, o); err != nil {
		return err
	}
	n.onClose("the port for DHCP", n.dhcp.Close)
	n.run("DHCP", n.dhcp.Run)
	return nil
}

// resolver returns where phones of the site may ask this node for names; zero for
// nowhere: a phone asks on port 53.
func (n *Node) resolver() netip.Addr {
	if n.names == nil || n.names.Addr().Port() != dnsPort {
		return netip.Addr{}
	}
	if a := n.names.Addr().Addr().Unmap(); !a.IsUnspecified() {
		return a
	}
	return n.address.Addr()
}

// learnLease takes in what another node says of the leases of this site.
func (n *Node) learnLease(owner, site, key string, value []byte) error {
	if n.dhcp == nil || site != n.dhcp.Site() {
		return nil // a main passes it on
	}
	return n.dhcp.Learn(owner, key, value)
}

// Leases implements [admin.System]. What this node has learned from an owner that is
// silent now is shown too.
func (s *system) Leases(ctx context.Context) ([]admin.Lease, []string) {
	found, silent := askAll[admin.Lease](ctx, s, askLeases, nil)
	found = append(found, s.leasesOf(s.self().Name)...)
	for _, node := range silent {
		found = append(found, s.leasesOf(node)...)
	}
	admin.SortLeases(found)
	return found, silent
}

// leasesOf returns what is known of the leases of a node.
func (s *system) leasesOf(node string) []admin.Lease {
	if s.dhcp() == nil {
		return []admin.Lease{}
	}
	return admin.LeasesOf(s.dhcp().Leases(), node)
}

// answerLeases answers another node.
func (s *system) answerLeases(context.Context, link.Peer, []byte) ([]byte, error) {
	return json.Marshal(s.leasesOf(s.self().Name))
}

// leases is the file of them, which is not made before there is something in it.
type leases struct {
	dir string
	log *slog.Logger

	mu sync.Mutex
	db *disk.Leases
}

// Each implements [dhcpserver.Keeper].
func (l *leases) Each(f func(key, value string)) error {
	if _, err := os.Stat(filepath.Join(l.dir, disk.LeasesName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := l.open()
	if err != nil {
		return err
	}
	return db.Each(f)
}

// Write implements [dhcpserver.Keeper].
func (l *leases) Write(all map[string][]byte) error {
	db, err := l.open()
	if err != nil {
		return err
	}
	return db.Write(all)
}

func (l *leases) open() (*disk.Leases, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db != nil {
		return l.db, nil
	}
	db, err := disk.OpenLeases(l.dir, l.log)
	l.db = db
	return db, err
}

// Close closes the file, if there is one.
func (l *leases) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.db == nil {
		return nil
	}
	return l.db.Close()
}

// A lateNamespace is opened when there is something to say in it.
type lateNamespace struct {
	open func() cluster.Namespace

	once  sync.Once
	names cluster.Namespace
}

// Set implements [live.Journal].
func (l *lateNamespace) Set(key string, value []byte) {
	l.once.Do(func() { l.names = l.open() })
	l.names.Set(key, value)
}

// Delete implements [live.Journal].
func (l *lateNamespace) Delete(key string) {
	if l.names != nil {
		l.names.Delete(key)
	}
}
