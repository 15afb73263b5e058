package store

import (
	"net/netip"
	"slices"
	"strings"
)

// What a site's nodes answer besides the domain, and for whom.
const (
	maxResolvers = 100
	maxForward   = 4
)

// DNS says who asks the nodes on behalf of others, and whom they ask themselves.
type DNS struct {
	Resolvers []Resolver       // that phones ask, which ask the nodes
	Forward   []netip.AddrPort // servers that are asked about other names; none: nobody is
}

// A Resolver is known by its address.
type Resolver struct {
	Address netip.Addr
	Site    string // whose phones ask it; empty for one that tells of whom a question is (RFC 7871)
}

// String returns the resolver as a plan shows it.
func (r Resolver) String() string {
	if r.Site == "" {
		return r.Address.String()
	}
	return r.Address.String() + " for " + r.Site
}

// Resolver returns the resolver at an address. An IPv4 address in an IPv6 one
// counts as the IPv4 address.
func (v *View) Resolver(a netip.Addr) (Resolver, bool) {
	a = a.Unmap().WithZone("")
	i := slices.IndexFunc(v.config.DNS.Resolvers, func(r Resolver) bool { return r.Address == a })
	if i < 0 {
		return Resolver{}, false
	}
	return v.config.DNS.Resolvers[i], true
}

// Forward returns the servers that are asked about other names.
func (v *View) Forward() []netip.AddrPort { return v.config.DNS.Forward }

func (d DNS) clone() DNS {
	return DNS{Resolvers: slices.Clone(d.Resolvers), Forward: slices.Clone(d.Forward)}
}

func (v *validator) dns(d DNS) {
	if len(d.Resolvers) > maxResolvers {
		v.add("dns.resolvers", "at most %d resolvers can be given", maxResolvers)
		return
	}
	for i, r := range d.Resolvers {
		v.resolver(i, r, d.Resolvers[:i])
	}
	if len(d.Forward) > maxForward {
		v.add("dns.forward", "at most %d servers can be given", maxForward)
		return
	}
	for i, s := range d.Forward {
		v.server(path("dns.forward", i, ""), s)
	}
}

func (v *validator) resolver(i int, r Resolver, before []Resolver) {
	field := path("dns.resolvers", i, "address")
	first := slices.IndexFunc(before, func(b Resolver) bool { return b.Address == r.Address })
	switch {
	case !r.Address.IsValid():
		v.add(field, "a resolver needs an address")
	case r.Address != r.Address.Unmap().WithZone(""):
		v.add(field, "write the address %s", r.Address.Unmap().WithZone(""))
	case first >= 0:
		v.addAlso(field, path("dns.resolvers", first, "address"), "the resolver %s is given twice", r.Address)
	}
	if r.Site != "" {
		v.knownSite(path("dns.resolvers", i, "site"), r.Site)
	}
}

func (v *validator) server(field string, s netip.AddrPort) {
	switch a := s.Addr(); {
	case !a.IsValid() || s.Port() == 0 || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "":
		v.add(field, "this is not the address of a DNS server: write one like 192.0.2.53")
	case a.Is4In6():
		v.add(field, "write the address %s", a.Unmap())
	}
}

// lines returns what leads from d to next.
func (d DNS) lines(next DNS) (all []Line) {
	for _, f := range []struct{ name, was, is string }{
		{"resolvers", strings.Join(each(d.Resolvers, Resolver.String), ", "), strings.Join(each(next.Resolvers, Resolver.String), ", ")},
		{"forward", strings.Join(each(d.Forward, ServerText), " "), strings.Join(each(next.Forward, ServerText), " ")},
	} {
		if f.was != f.is {
			all = append(all, Line{
				Sign: "~", Text: "dns: " + f.name + " " + arrow(quoteEmpty(f.was), quoteEmpty(f.is)), Fields: []string{"dns." + f.name},
			})
		}
	}
	return all
}

// PortDNS is where DNS servers listen.
const PortDNS = 53

// ServerText returns the address of a DNS server as people write it: with its
// port only if it is not the usual one.
func ServerText(s netip.AddrPort) string {
	if s.Port() == PortDNS {
		return s.Addr().String()
	}
	return s.String()
}

type wireDNS struct {
	_         struct{} `cbor:",toarray"`
	Resolvers []wireResolver
	Forward   []string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireDNS) UnmarshalCBOR(b []byte) error {
	type plain wireDNS // without this method
	return decodeShort(b, (*plain)(w))
}

type wireResolver struct {
	_       struct{} `cbor:",toarray"`
	Address string
	Site    string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireResolver) UnmarshalCBOR(b []byte) error {
	type plain wireResolver // without this method
	return decodeShort(b, (*plain)(w))
}

func toWireDNS(d DNS) *wireDNS {
	return &wireDNS{
		Resolvers: notNil(each(d.Resolvers, func(r Resolver) wireResolver { return wireResolver{Address: r.Address.String(), Site: r.Site} })),
		Forward:   notNil(each(d.Forward, netip.AddrPort.String)),
	}
}

// fromWireDNS reads what there is: an address that is none stays invalid, and
// validation says so.
func fromWireDNS(w *wireDNS) (d DNS) {
	if w == nil {
		return DNS{}
	}
	for _, r := range w.Resolvers {
		a, _ := netip.ParseAddr(r.Address)
		d.Resolvers = append(d.Resolvers, Resolver{Address: a, Site: r.Site})
	}
	for _, s := range w.Forward {
		a, _ := netip.ParseAddrPort(s)
		d.Forward = append(d.Forward, a)
	}
	return d
}
