package store

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// A Network is what the configuration says about an address.
type Network struct {
	Site         string // whose network it is; empty if nobody's
	Known        bool   // a configured prefix covers the address, or none is configured at all
	CallsTrusted bool   // calls from it are not challenged
}

// networks finds the site of an address by its longest prefix.
type networks struct {
	table *bart.Table[Network]
}

func newNetworks(sites []Site) networks {
	n := networks{table: new(bart.Table[Network])}
	for _, s := range sites {
		for _, p := range s.Networks {
			n.table.Insert(p, Network{Site: s.Name, Known: true, CallsTrusted: s.CallsTrusted})
		}
	}
	return n
}

// HasNetworks reports whether any networks are configured.
func (v *View) HasNetworks() bool { return v.networks.table.Size() > 0 }

// Network returns what is configured for the address a: the longest prefix that
// covers it decides. While no networks are configured every address is known.
// An IPv4 address in an IPv6 one counts as the IPv4 address.
func (v *View) Network(a netip.Addr) Network {
	if v.networks.table.Size() == 0 {
		return Network{Known: true}
	}
	n, _ := v.networks.table.Lookup(a.Unmap().WithZone(""))
	return n
}
