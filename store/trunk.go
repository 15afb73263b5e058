package store

import (
	"cmp"
	"net/netip"
	"strings"
)

// A Trunk is a line to a carrier or to another telephone system, which has an
// address that never changes: whoever speaks from there is the carrier.
type Trunk struct {
	Name      string
	Site      string
	Address   string // an IP address, or one with a port
	Transport string // UDP or TCP; empty is UDP
}

// The transports of a Trunk.
const (
	UDP = "udp"
	TCP = "tcp"
)

// defaultSIP is the port of a trunk that has none.
const defaultSIP = 5060

// withDefaults returns t with every default written out.
func (t Trunk) withDefaults() Trunk {
	t.Transport = cmp.Or(t.Transport, UDP)
	return t
}

// At returns where the carrier listens; the zero AddrPort if that is no address.
func (t Trunk) At() netip.AddrPort {
	if a, err := netip.ParseAddr(t.Address); err == nil {
		return netip.AddrPortFrom(a.Unmap(), defaultSIP)
	}
	at, err := netip.ParseAddrPort(t.Address)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// trunks finds what calls to and from carriers need.
type trunks struct {
	from    map[netip.Addr][]int32 // by the address of the carrier
	byName  map[string]int32
	numbers map[string]string // the number that a site shows for who has none, by site
}

func newTrunks(c *Config) trunks {
	t := trunks{from: make(map[netip.Addr][]int32), byName: make(map[string]int32), numbers: make(map[string]string)}
	for i, x := range c.Trunks {
		if at := x.At(); at.IsValid() {
			t.from[at.Addr()] = append(t.from[at.Addr()], int32(i))
		}
		putNew(t.byName, x.Name, i)
	}
	if len(c.Trunks) > 0 {
		t.number(c)
	}
	return t
}

// number finds the number of each site: its operator's, else the first of its users'.
func (t *trunks) number(c *Config) {
	operators := make(map[string]string, len(c.Sites)) // site by number
	for _, s := range c.Sites {
		operators[s.Operator] = s.Name
	}
	for _, u := range c.Users {
		if len(u.Direct) == 0 || u.Site == "" {
			continue
		}
		_, has := t.numbers[u.Site]
		if !has || u.Number != "" && operators[u.Number] == u.Site {
			t.numbers[u.Site] = u.Direct[0]
		}
	}
}

// Trunk returns the trunk of the given name.
func (v *View) Trunk(name string) (Trunk, bool) { return at(v.config.Trunks, v.trunks.byName, name) }

// TrunkFrom returns the trunk whose carrier has the address a. Of several that of
// the given site counts, else the first.
func (v *View) TrunkFrom(a netip.Addr, site string) (Trunk, bool) {
	if len(v.trunks.from) == 0 {
		return Trunk{}, false
	}
	all := v.trunks.from[a.Unmap().WithZone("")]
	for _, i := range all {
		if v.config.Trunks[i].Site == site {
			return v.config.Trunks[i], true
		}
	}
	if len(all) == 0 {
		return Trunk{}, false
	}
	return v.config.Trunks[all[0]], true
}

// IsCarrier reports whether a trunk leads to the address a.
func (v *View) IsCarrier(a netip.Addr) bool {
	_, ok := v.TrunkFrom(a, "")
	return ok
}

// NumberOf returns the number in E.164 by which a site is known outside: its
// operator's, else the first that a user there has; "" if there is none.
func (v *View) NumberOf(site string) string { return v.trunks.numbers[site] }

func (v *validator) trunk(i int, t Trunk) {
	v.name("trunks", i, t.Name)
	v.unique(v.trunks, "trunks", i, "name", "trunk", t.Name)
	if t.Site == "" {
		v.add(path("trunks", i, "site"), "a trunk needs a site")
	} else {
		v.knownSite(path("trunks", i, "site"), t.Site)
	}
	switch at := t.At(); {
	case t.Address == "":
		v.add(path("trunks", i, "address"), "a trunk needs an address")
	case !at.IsValid() || at.Port() == 0 || at.Addr().Zone() != "" || at.Addr().IsUnspecified() || at.Addr().IsMulticast():
		v.add(path("trunks", i, "address"), "%q is not an address that stays: write an IP address, or one with a port like 192.0.2.9:5060", clip(t.Address))
	}
	v.oneOf(path("trunks", i, "transport"), t.Transport, UDP, TCP)
}

// oneTrunk reports a second trunk of a site whose profile knows but one.
func (v *validator) oneTrunk(c Config) {
	first := make(map[string]int)
	for i, t := range c.Trunks {
		at, found := v.sites[t.Site]
		if !found || c.Sites[at].Survivable != Dumb {
			continue
		}
		if one, taken := first[t.Site]; taken {
			v.addAlso(path("trunks", i, "site"), path("trunks", one, "site"),
				"site %s has a trunk already, and survivable: dumb knows but one", t.Site)
			continue
		}
		first[t.Site] = i
	}
}

// dialling checks what numbers begin with that are dialled at a site.
func (v *validator) dialling(i int, s Site) {
	digits, plus := strings.CutPrefix(s.Country, "+")
	if s.Country != "" && (!plus || len(digits) > 3 || !allBytes(digits, isDigit) || digits[0] == '0') {
		v.add(path("sites", i, "country"), "%q is not a country code: write one like +32", clip(s.Country))
	}
	if s.Outside != "" && (len(s.Outside) > 4 || !allBytes(s.Outside, func(c byte) bool { return isDigit(c) || c == '*' || c == '#' })) {
		v.add(path("sites", i, "outside"), "%q is not dialled before a number outside: up to four digits, * and # are allowed", clip(s.Outside))
	}
}
