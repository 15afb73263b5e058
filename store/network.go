package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gaissmai/bart"
)

// A Profile is what one network of a site has of its own. A network within
// another takes nothing from it: what its own profile does not say is as the site
// has it.
type Profile struct {
	Prefix     netip.Prefix // one of the site's Networks
	Closed     bool         // phones may not register from it
	Calls      string       // Trusted or Challenged; empty: as the site has it
	Transports []string     // that phones may use there; none: all
	MostPhones int          // that may be registered from it; 0: as many as come
	MostCalls  int          // that may be made from it at a time; 0: as many as come
	Location   string       // where whoever calls for help from there is; may be empty
}

// What becomes of calls from a network.
const (
	Trusted    = "trusted"    // they are not challenged
	Challenged = "challenged" // over UDP a password is asked for
)

// Transports returns the transports that phones use.
func Transports() []string { return []string{"udp", "tcp", "tls", "ws", "wss"} }

// A Network is what the configuration says about an address.
type Network struct {
	Prefix       netip.Prefix // that covers the address; the zero Prefix if none does
	Site         string       // whose network it is; empty if nobody's
	Known        bool         // a configured prefix covers the address, or none is configured at all
	Registers    bool         // phones may register from it
	CallsTrusted bool         // calls from it are not challenged
	MostPhones   int          // registered from it; 0: no bound
	MostCalls    int          // made from it at a time; 0: no bound
	Location     string       // for calls for help; may be empty

	transports string // " tcp tls "; empty: all
}

// Takes reports whether phones may use a transport there, by its name in lower case.
func (n Network) Takes(transport string) bool {
	return n.transports == "" || strings.Contains(n.transports, " "+transport+" ")
}

// networks finds the site of an address by its longest prefix.
type networks struct {
	table *bart.Table[Network]
}

func newNetworks(sites []Site) networks {
	n := networks{table: new(bart.Table[Network])}
	for _, s := range sites {
		for _, p := range s.Networks {
			n.table.Insert(p, s.network(p))
		}
	}
	return n
}

// network returns what s has for one of its networks.
func (s Site) network(prefix netip.Prefix) Network {
	n := Network{Prefix: prefix, Site: s.Name, Known: true, Registers: true, CallsTrusted: s.CallsTrusted}
	p, ok := s.profile(prefix)
	if !ok {
		return n
	}
	n.Registers, n.MostPhones, n.MostCalls, n.Location = !p.Closed, p.MostPhones, p.MostCalls, p.Location
	if p.Calls != "" {
		n.CallsTrusted = p.Calls == Trusted
	}
	if len(p.Transports) > 0 {
		n.transports = " " + strings.Join(p.Transports, " ") + " "
	}
	return n
}

// profile returns what one of the site's networks has of its own.
func (s Site) profile(prefix netip.Prefix) (Profile, bool) {
	i := slices.IndexFunc(s.Profiles, func(p Profile) bool { return p.Prefix == prefix })
	if i < 0 {
		return Profile{}, false
	}
	return s.Profiles[i], true
}

// HasNetworks reports whether any networks are configured.
func (v *View) HasNetworks() bool { return v.networks.table.Size() > 0 }

// Network returns what is configured for the address a: the longest prefix that
// covers it decides. While no networks are configured every address is known, and
// phones register from everywhere. An IPv4 address in an IPv6 one counts as the IPv4 address.
func (v *View) Network(a netip.Addr) Network {
	if v.networks.table.Size() == 0 {
		return Network{Known: true, Registers: true}
	}
	n, _ := v.networks.table.Lookup(a.Unmap().WithZone(""))
	return n
}

// Admits returns why a phone of user may not register from an address over a
// transport, in the words of a SIP answer; nothing if it may. Who roams may from
// everywhere. The empty user is nobody in particular.
func (v *View) Admits(user string, a netip.Addr, transport string) (refusal string) {
	n := v.Network(a)
	switch {
	case n.Registers && n.Takes(transport):
		return ""
	case v.roams(user):
		return ""
	case n.Registers:
		return "Transport Not Allowed In This Network"
	default:
		return "Network Not Allowed"
	}
}

func (v *View) roams(user string) bool {
	u, known := v.User(user)
	return known && u.Roams
}

// networkText says what a network of s has, for a plan.
func (s Site) networkText(prefix netip.Prefix) string {
	p, _ := s.profile(prefix)
	var has []string
	if p.Closed {
		has = append(has, "no registrations")
	}
	if p.Calls != "" {
		has = append(has, "calls "+p.Calls)
	}
	if len(p.Transports) > 0 {
		has = append(has, "only "+strings.Join(p.Transports, " and "))
	}
	if p.MostPhones > 0 {
		has = append(has, fmt.Sprintf("at most %d phones", p.MostPhones))
	}
	if p.MostCalls > 0 {
		has = append(has, fmt.Sprintf("at most %d calls", p.MostCalls))
	}
	if p.Location != "" {
		has = append(has, "at "+strconv.Quote(p.Location))
	}
	if len(has) == 0 {
		return prefix.String()
	}
	return fmt.Sprintf("%s (%s)", prefix, strings.Join(has, ", "))
}
