package dnsserver

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"carillon/store"
)

// An asker is what the configuration says about who asks.
type asker struct {
	site     string // whose answers he has
	known    bool   // of a network of ours, or a resolver that the configuration names
	resolver bool   // asks for others
	forwards bool   // may ask about other names
}

// askerOf says who asks from an address.
func (s *Server) askerOf(v *store.View, from netip.Addr) asker {
	network := v.Network(from)
	a := asker{site: network.Site, known: network.Known}
	own := from.IsLoopback() || from == s.own
	if own && a.site == "" {
		a.site = s.o.Site
	}
	if r, found := v.Resolver(from); found {
		a.known, a.resolver = true, true
		if r.Site != "" {
			a.site = r.Site
		}
	}
	a.forwards = len(v.Forward()) > 0 && !a.resolver && (own || ours(v, from)) && !isAsked(v, from)
	return a
}

// ours reports whether phones may use this node as their resolver. While no
// networks are configured everybody is known, and yet it must not be everybody's.
func ours(v *store.View, from netip.Addr) bool {
	if v.HasNetworks() {
		return v.Network(from).Known
	}
	return from.IsPrivate() || from.IsLinkLocalUnicast()
}

// isAsked reports whether it is one of those who are asked themselves, so that no
// question goes round.
func isAsked(v *store.View, from netip.Addr) bool {
	return slices.ContainsFunc(v.Forward(), func(s netip.AddrPort) bool { return s.Addr() == from && !from.IsLoopback() })
}

// behind says for whom a resolver asks, if he says (RFC 7871). It is believed of
// resolvers that the configuration names, and of nobody else: it would let
// strangers see what is told to a site.
func (a asker) behind(v *store.View, question *dns.Msg) (asker, *dns.EDNS0_SUBNET) {
	opt := question.IsEdns0()
	if opt == nil || !a.resolver {
		return a, nil
	}
	for _, option := range opt.Option {
		subnet, is := option.(*dns.EDNS0_SUBNET)
		if !is || subnet.SourceNetmask == 0 {
			continue
		}
		addr, valid := netip.AddrFromSlice(subnet.Address)
		if n := v.Network(addr.Unmap()); valid && v.HasNetworks() {
			a.site = n.Site // nowhere of ours: no LifeGUARD
		}
		return a, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: subnet.Family, SourceNetmask: subnet.SourceNetmask, SourceScope: subnet.SourceNetmask, Address: subnet.Address,
		}
	}
	return a, nil
}
