package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/lab/extension"
	"carillon/test/tool"
)

// A System is Carillon at several sites: mains at the head office, a LifeGUARD
// at each branch, called mons-node and namur-node, and a host for phones at each
// site, called hq-phones, mons-phones, namur-phones.
type System struct {
	*Sites

	binary string
	dir    string // of the nodes' data
	first  string // the main that founded it
	nodes  map[string]*Node

	extensions int // so far
}

// homes are the nodes at which the phones of each site register.
var homes = map[string]string{
	"hq": "laurel", "mons": "mons-node", "namur": "namur-node", "liege": "liege-node", "ghent": "ghent-node",
	"bruges": "bruges-node", "ostend": "ostend-node", "arlon": "arlon-node", "tournai": "tournai-node",
}

// OpenSystem starts a system with these mains and users.
func OpenSystem(tb testing.TB, mains, users []string) *System {
	tb.Helper()
	return openSystem(tb, OpenSites(tb), lans, mains, configuration(lans, users))
}

// openSystem is OpenSystem at the sites of these LANs, with this configuration.
func openSystem(tb testing.TB, sites *Sites, lans []lan, mains []string, text string) *System {
	tb.Helper()
	s := &System{binary: tool.Carillon(tb), dir: tb.TempDir(), first: mains[0], Sites: sites, nodes: map[string]*Node{}}
	for _, l := range lans {
		s.Host(l.site, l.site+"-phones")
	}
	tb.Cleanup(func() { stopAll(s.nodes) })
	first := s.add("hq", mains[0])
	first.found(text, "--site", "hq", "--first", "--dns", first.Addr.String())
	for _, main := range mains[1:] {
		s.join("hq", main, "main")
	}
	for _, l := range lans[1:] {
		s.join(l.site, homes[l.site], "lifeguard")
	}
	s.isWhole(time.Duration(len(s.nodes)) * 5 * time.Second)
	s.agree()
	return s
}

func twoMains() []string { return []string{"laurel", "hardy"} }

// during runs a test of its own on a system that others use before and after it.
func (s *System) during(t *testing.T, name string, test func(s *System)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		before := s.tb
		defer s.tells(before)
		s.tells(t)
		test(s)
	})
}

// tells says to whom everything that goes wrong is told from now on.
func (s *System) tells(tb testing.TB) {
	tb.Helper()
	s.tb = tb
	for _, n := range s.nodes {
		n.tb = tb
	}
}

// add makes a node on a host of its own.
func (s *System) add(site, name string) *Node {
	s.tb.Helper()
	n := newNode(s.tb, name, s.Host(site, name), s.binary, s.dir)
	s.nodes[name] = n
	return n
}

// join has a node join with a new token, and returns that.
func (s *System) join(site, name, role string) (token string) {
	s.tb.Helper()
	token = s.token()
	n := s.add(site, name)
	flags := []string{"--name", name, "--site", site, "--role", role, "--listen", n.Addr.String(), "--join", s.nodes[s.first].Addr.String(), "--token", token}
	if role != "witness" {
		flags = append(flags, "--dns", n.Addr.String())
	}
	n.start(flags...)
	return token
}

// perAddress is how many phones share one: each of its own would fill the kernel's
// table of neighbours, which all networks of a machine share.
const perAddress = 10

// Extensions are phones of a site that look after themselves. Every second one says
// which phone it is.
func (s *System) Extensions(site string, users ...string) []*extension.Phone {
	s.tb.Helper()
	host := site + "-phones"
	var all []*extension.Phone
	for _, u := range users {
		number := s.extensions
		addr := siteLAN(site).address(100 + number/perAddress)
		if s.extensions++; number%perAddress == 0 || len(users) == 1 {
			s.in(host, s.ip, "address", "replace", addr.String()+"/24", "dev", "eth0")
		}
		all = append(all, extension.New(extension.Options{
			Domain: Domain, User: u, Password: Password, Addr: addr, Port: uint16(house.SIPPort + number%perAddress),
			Resolvers: s.resolvers(site), Network: s.hosts[host].from, Instance: number%2 == 0,
		}))
	}
	return all
}

// resolvers are the name servers that phones of a site are told by DHCP.
func (s *System) resolvers(site string) (all []netip.AddrPort) {
	for _, n := range []string{homes[site], s.first, "hardy"} {
		all = append(all, netip.AddrPortFrom(s.nodes[n].Addr, 53))
	}
	return all
}

// token returns a new one.
func (s *System) token() string {
	s.tb.Helper()
	out, err := s.nodes[s.first].command("token", "create").Output()
	if err != nil {
		s.tb.Fatalf("making a token: %v", err)
	}
	return strings.TrimSpace(string(out))
}
