package dnsserver

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"carillon/store"
)

const (
	ttl = 30 // seconds: how long a dead node is still tried by who asked before

	// SRV: the deck's priorities, and a weight that decides nothing, as no two
	// nodes have the same priority.
	step   = 10
	weight = 50
)

// The transports of a node, in the order in which a phone is to prefer them
// (RFC 3263 section 4.1): a connection fails quickly, a datagram is waited for.
// RFC 7118 names the services of WebSockets, where nobody listens unless the
// configuration has browsers.
func transports(browsers bool) []transport {
	all := []transport{
		{"SIP+D2T", "_sip._tcp.", 5060},
		{"SIPS+D2T", "_sips._tcp.", 5061},
		{"SIP+D2U", "_sip._udp.", 5060},
	}
	if browsers {
		all = append(all, transport{"SIPS+D2W", "_sips._ws.", 7443}, transport{"SIP+D2W", "_sip._ws.", 5066})
	}
	return all
}

type transport struct {
	service string
	prefix  string
	port    uint16
}

// A zone is what those who ask from one site are told about the domain.
type zone struct {
	apex    string // in lower case, with its dot
	soa     *dns.SOA
	records map[key][]dns.RR
	names   map[string]bool // with records of their own or below them

	mu     sync.Mutex
	packed map[string][]byte // answers, by quick.asked
}

type key struct {
	name string
	kind uint16
}

// newZone makes the zone for a site, "" for everywhere else, of the nodes that
// serve. When none does, all are named: one that is wrongly thought dead is better
// than none.
func newZone(v *store.View, site string, serves func(node string) bool) *zone {
	z := &zone{apex: dns.CanonicalName(v.Domain()), records: map[key][]dns.RR{}, names: map[string]bool{}, packed: map[string][]byte{}}
	mains, own := mainsOf(v), lifeguardsOf(v, site)
	servers := inOrder(v, site, mains, own, serves)
	goes := func(n store.Node) bool { return n.Drained && !slices.Contains(servers, n) }
	mains, own = slices.DeleteFunc(mains, goes), slices.DeleteFunc(own, goes)
	z.soa = z.start(v, mains)
	z.add(z.soa)
	for _, n := range mains {
		z.add(&dns.NS{Hdr: header(z.apex, dns.TypeNS), Ns: z.nameOf(n)})
	}
	for i, t := range transports(len(v.Origins()) > 0) {
		z.addTransport(i, t, servers)
	}
	for _, n := range slices.Concat(mains, own) {
		z.addAddress(z.nameOf(n), n.Address.Addr())
		z.addPointer(n)
	}
	if len(servers) > 0 {
		z.addAddress(z.apex, simplest(v, servers[0]))
	}
	return z
}

// simplest returns where phones go that know one address only: to that which the
// nodes of a site share, if they do, or else to the first node.
func simplest(v *store.View, first store.Node) netip.Addr {
	if s, _ := v.Site(v.SiteOf(first)); s.Address.IsValid() {
		return s.Address.Addr()
	}
	return first.Address.Addr()
}

// addTransport adds the i-th way in, and the servers behind it.
func (z *zone) addTransport(i int, t transport, servers []store.Node) {
	z.add(&dns.NAPTR{
		Hdr: header(z.apex, dns.TypeNAPTR), Order: uint16(i+1) * step, Preference: step, //nolint:gosec // there are five
		Flags: "S", Service: t.service, Replacement: t.prefix + z.apex,
	})
	for j, n := range servers {
		z.add(&dns.SRV{
			Hdr: header(t.prefix+z.apex, dns.TypeSRV), Priority: uint16(j+1) * step, Weight: weight, Port: t.port,
			Target: z.nameOf(n),
		})
	}
}

// mainsOf returns the mains, that with the lowest address first: an order that an
// operator can see, and that is the same for everybody who asks.
func mainsOf(v *store.View) []store.Node {
	return nodesOf(v, func(n store.Node) bool { return n.Role == store.Main })
}

// lifeguardsOf returns the LifeGUARDs of a site.
func lifeguardsOf(v *store.View, site string) []store.Node {
	return nodesOf(v, func(n store.Node) bool {
		return n.Role == store.Lifeguard && site != "" && v.SiteOf(n) == site
	})
}

func nodesOf(v *store.View, is func(store.Node) bool) []store.Node {
	found := slices.DeleteFunc(v.Nodes(), func(n store.Node) bool { return !is(n) || !n.Address.IsValid() })
	slices.SortFunc(found, func(a, b store.Node) int {
		return cmp.Or(a.Address.Compare(b.Address), strings.Compare(a.Name, b.Name))
	})
	return found
}

// inOrder returns the nodes that phones of a site are to try, and in which order:
// DESIGN section 5. There is one LifeGUARD among them at most.
func inOrder(v *store.View, site string, mains, own []store.Node, serves func(string) bool) []store.Node {
	asleep := func(n store.Node) bool { return !serves(n.Name) }
	first, last := slices.DeleteFunc(slices.Clone(own), asleep), slices.DeleteFunc(slices.Clone(mains), asleep)
	if len(first)+len(last) == 0 {
		first, last = own, mains
	}
	first = first[:min(len(first), 1)]
	if s, _ := v.Site(site); s.Homing == store.MainFirst {
		first, last = last, first
	}
	return slices.Concat(first, last)
}

// start is the SOA: its serial is the revision of the configuration.
func (z *zone) start(v *store.View, mains []store.Node) *dns.SOA {
	soa := &dns.SOA{
		Hdr: header(z.apex, dns.TypeSOA), Ns: z.apex, Mbox: "hostmaster." + z.apex,
		Serial: uint32(v.Index()), Refresh: ttl, Retry: ttl, Expire: 30 * 24 * 3600, Minttl: ttl, //nolint:gosec // modulo 2^32, as serials go
	}
	if len(mains) > 0 {
		soa.Ns = z.nameOf(mains[0])
	}
	return soa
}

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

func (z *zone) nameOf(n store.Node) string { return dns.CanonicalName(n.Name + "." + z.apex) }

func (z *zone) addAddress(name string, a netip.Addr) {
	if a = a.Unmap().WithZone(""); a.Is4() {
		z.add(&dns.A{Hdr: header(name, dns.TypeA), A: a.AsSlice()})
	} else {
		z.add(&dns.AAAA{Hdr: header(name, dns.TypeAAAA), AAAA: a.AsSlice()})
	}
}

// addPointer adds the name of a node's address. It is outside the domain, where
// only this one question is answered.
func (z *zone) addPointer(n store.Node) {
	name, err := dns.ReverseAddr(n.Address.Addr().Unmap().WithZone("").String())
	if err != nil {
		return
	}
	k := key{name, dns.TypePTR}
	z.records[k] = append(z.records[k], &dns.PTR{Hdr: header(name, dns.TypePTR), Ptr: z.nameOf(n)})
}

// holds reports whether a question is for this zone to answer.
func (z *zone) holds(q dns.Question) bool {
	name := dns.CanonicalName(q.Name)
	return q.Qclass == dns.ClassINET && (dns.IsSubDomain(z.apex, name) || q.Qtype == dns.TypePTR && z.records[key{name, q.Qtype}] != nil)
}

// add puts a record into the zone; its name and those above it are there from now
// on, whether they have records of their own or not (RFC 8020).
func (z *zone) add(rr dns.RR) {
	h := rr.Header()
	k := key{h.Name, h.Rrtype}
	z.records[k] = append(z.records[k], rr)
	for name := h.Name; dns.IsSubDomain(z.apex, name); {
		z.names[name] = true
		i, end := dns.NextLabel(name, 0)
		if end {
			return
		}
		name = name[i:]
	}
}

// addressOf returns the address of a node's name, for an answer that names it.
func (z *zone) addressOf(name string) []dns.RR {
	return slices.Concat(z.records[key{name, dns.TypeA}], z.records[key{name, dns.TypeAAAA}])
}
