package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"sync"
	"time"

	"carillon/cluster/link"
	"carillon/node/address"
	"carillon/node/admin"
	"carillon/node/dnsserver"
	"carillon/sipcore"
	"carillon/store"
)

// askHolder asks a node of the same site whether it holds the service address.
const askHolder = "holder"

// holderTime is how long `carillon status` waits for that.
const holderTime = time.Second

// A sharing has the node share the service address of its site with the others
// there: who holds it answers SIP and DNS at it.
type sharing struct {
	*address.Holder

	self   func() store.Node
	config *configuration
	alive  func(node string) bool
	peers  *peers
	out    *out
	sip    *sipcore.Server
	dns    func(context.Context, netip.Addr) (*dnsserver.Server, error) // nil where DNS is off, or answers everywhere

	endDNS func() // where the address is held and DNS answers there
}

// shareAddress makes the part that shares; a witness has none.
func (n *Node) shareAddress(port *link.Port, sip *sipcore.Server) {
	s := &sharing{self: n.self, config: n.config, alive: n.system.isAlive, peers: n.peers, out: &n.out, sip: sip}
	if n.names != nil && !n.names.Addr().Addr().IsUnspecified() {
		s.dns = func(ctx context.Context, a netip.Addr) (*dnsserver.Server, error) {
			return dnsserver.Open(ctx, n.dnsOptions(netip.AddrPortFrom(a, n.names.Addr().Port())))
		}
	}
	s.Holder = address.New(address.Options{
		Wanted: s.wanted, Taken: s.taken, Given: s.given, Modest: s.modest,
		Say: func(format string, args ...any) { n.events.Add("address", format, args...) },
	})
	port.HandleAsk(askHolder, func(context.Context, link.Peer, []byte) ([]byte, error) {
		return json.Marshal(s.State().Held)
	})
	n.sharing = s
	n.run("the service address", s.Run)
}

// wanted is the address to share: that of the site where the node stands, unless
// the node was removed.
func (s *sharing) wanted() netip.Prefix {
	if s.out.By() != "" {
		return netip.Prefix{}
	}
	return serviceAddress(s.config.View(), s.self())
}

// modest reports whether another node of the site should rather have the address:
// this one is drained.
func (s *sharing) modest() bool {
	v, self := s.config.View(), s.self()
	if own, _ := v.Node(self.Name); !own.Drained {
		return false
	}
	return slices.ContainsFunc(v.Nodes(), func(n store.Node) bool {
		return n.Name != self.Name && n.Role != store.Witness && !n.Drained && v.SiteOf(n) == v.SiteOf(self) && s.alive(n.Name)
	})
}

// serviceAddress returns the service address of the site where a node stands; the
// zero Prefix if it has none.
func serviceAddress(v *store.View, n store.Node) netip.Prefix {
	site, _ := v.Site(v.SiteOf(n))
	return site.Address
}

// taken has SIP and DNS answer at the address.
func (s *sharing) taken(a netip.Addr) error {
	if err := s.sip.Also(a); err != nil {
		return err
	}
	if s.dns == nil {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	names, err := s.dns(ctx, a)
	if err != nil {
		stop()
		s.sip.NoMore(a)
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = names.Run(ctx) })
	s.endDNS = func() {
		stop()
		running.Wait()
	}
	return nil
}

// given ends what taken began.
func (s *sharing) given(a netip.Addr) {
	s.sip.NoMore(a)
	if s.endDNS != nil {
		s.endDNS()
		s.endDNS = nil
	}
}

// status says who holds the address; nil if the site has none.
func (s *sharing) status() *admin.ServiceAddress {
	if s == nil {
		return nil
	}
	state := s.State()
	if !state.Address.IsValid() {
		return nil
	}
	told := &admin.ServiceAddress{Address: state.Address.String(), Trouble: state.Trouble}
	if state.Held {
		told.Holder = s.self().Name
	} else if told.Holder = s.holder(); told.Holder == "" {
		told.Holder = state.Holder
	}
	return told
}

// holder asks the other nodes of the site; it is empty if none says that it is.
func (s *sharing) holder() (name string) {
	view := s.config.View()
	ctx, cancel := context.WithTimeout(context.Background(), holderTime)
	defer cancel()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, n := range s.peers.others() {
		if n.Role == store.Witness || view.SiteOf(n) != view.SiteOf(s.self()) {
			continue
		}
		asking.Go(func() {
			answer, err := s.peers.ask(ctx, n, askHolder, nil)
			if err == nil && string(answer) == "true" {
				mu.Lock()
				defer mu.Unlock()
				name = n.Name
			}
		})
	}
	asking.Wait()
	return name
}
