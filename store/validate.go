package store

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// maxProblems bounds what one refusal says.
const maxProblems = 50

// Validate reports everything that an administrator must correct before c can
// be used, as [Errors], or nil.
func (c Config) Validate() error {
	if all := c.problems(); len(all) > 0 {
		return all
	}
	return nil
}

// problems returns what is wrong with c: the first of them if there are many.
func (c Config) problems() Errors {
	v := &validator{
		sites:    make(map[string]int, len(c.Sites)),
		users:    make(map[string]int, len(c.Users)),
		direct:   make(map[string]string),
		prefixes: make(map[netip.Prefix]claim), addresses: make(map[netip.Addr]claim),
		pools:  make(map[netip.Prefix]claim),
		trunks: make(map[string]int),
	}
	v.domain(c.Domain)
	for i, s := range c.Sites {
		v.site(i, s)
	}
	for i, u := range c.Users {
		v.user(i, u)
	}
	for i, u := range c.Users {
		v.directs(i, u)
		v.lamps(i, u)
	}
	for i, u := range c.Users {
		v.rules(i, u)
	}
	for i, s := range c.Sites {
		v.operator(i, s)
	}
	for i, t := range c.Trunks {
		v.trunk(i, t)
	}
	v.oneTrunk(c)
	v.origins(c.Origins)
	v.dns(c.DNS)
	v.emergency(c.Emergency)
	v.presence(c)
	v.pickup(c.Pickup)
	for _, n := range c.Nodes {
		v.node(n)
	}
	return v.all
}

// A validator collects the problems of one Config.
type validator struct {
	all      Errors
	sites    map[string]int    // name to place in the list
	users    map[string]int    // number to place in the list
	direct   map[string]string // number to the path of its first mention
	prefixes map[netip.Prefix]claim

	addresses map[netip.Addr]claim   // service addresses
	pools     map[netip.Prefix]claim // of DHCP
	trunks    map[string]int
}

// A claim says who has a prefix, and where it is written.
type claim struct{ site, path string }

func (v *validator) add(field, format string, args ...any) { v.addAlso(field, "", format, args...) }

func (v *validator) addAlso(field, also, format string, args ...any) {
	if len(v.all) < maxProblems {
		v.all = append(v.all, &Error{Kind: Invalid, Field: field, Also: also, Message: fmt.Sprintf(format, args...)})
	}
}

func (v *validator) domain(d string) {
	switch {
	case d == "":
		v.add("domain", "a domain is needed, for example tel.example.org")
	case !isHostname(d):
		v.add("domain", "%q is not a domain name like tel.example.org", clip(d))
	}
}

func (v *validator) site(i int, s Site) {
	v.name("sites", i, s.Name)
	v.unique(v.sites, "sites", i, "name", "site", s.Name)
	for j, p := range s.Networks {
		v.network(path("sites", i, fmt.Sprintf("networks[%d]", j)), s.Name, p)
	}
	for _, p := range s.Profiles {
		v.profile(i, s, p)
	}
	v.oneOf(path("sites", i, "homing"), s.Homing, LocalFirst, MainFirst)
	v.oneOf(path("sites", i, "survivable"), s.Survivable, Standard, Dumb)
	if b := s.Budget; b != 0 && (b < LeastBudget || b > MostBudget) {
		v.add(path("sites", i, "budget"), "%d kbit/s is no budget: it has at least %d and at most %d", b, LeastBudget, MostBudget)
	}
	v.dialling(i, s)
	if s.Address != (netip.Prefix{}) {
		v.serviceAddress(path("sites", i, "address"), s)
	}
	for j, p := range s.DHCP {
		v.pool(path("sites", i, fmt.Sprintf("dhcp[%d]", j)), s, p)
	}
}

// serviceAddress checks the address that the nodes of a site share: its phones
// must be able to reach it, and no other site may have it.
func (v *validator) serviceAddress(field string, s Site) {
	a := s.Address.Addr()
	switch {
	case !s.Address.IsValid() || a.Is4In6() || !a.IsGlobalUnicast():
		v.add(field, "%s is no address that nodes can share", s.Address)
		return
	case s.Address.IsSingleIP() || a == s.Address.Masked().Addr():
		v.add(field, "%s is no address of a machine in its network: write it like 172.30.42.1/24", s.Address)
		return
	case !slices.ContainsFunc(s.Networks, func(p netip.Prefix) bool { return p.Contains(a) }):
		v.add(field, "%s is in no network of site %s", a, s.Name)
		return
	}
	if first, taken := v.addresses[a]; taken {
		v.addAlso(field, first.path, "the address %s is claimed by site %s too", a, first.site)
		return
	}
	v.addresses[a] = claim{s.Name, field}
}

func (v *validator) network(field, site string, p netip.Prefix) {
	if right, err := rightPrefix(p); err != nil {
		v.add(field, "this is not a network: %v", err)
		return
	} else if right != p {
		v.add(field, "%s is not a network address: did you mean %s?", p, right)
		return
	}
	first, taken := v.prefixes[p]
	switch {
	case !taken:
		v.prefixes[p] = claim{site, field}
	case first.site == site:
		v.addAlso(field, first.path, "the network %s is given twice", p)
	default:
		v.addAlso(field, first.path, "the network %s is claimed by site %s too", p, first.site)
	}
}

// profile reports what is wrong with what a network of site i has of its own.
func (v *validator) profile(i int, s Site, p Profile) {
	j := slices.Index(s.Networks, p.Prefix)
	if j < 0 {
		v.add(path("sites", i, "networks"), "%s is no network of the site", p.Prefix)
		return
	}
	at := path("sites", i, fmt.Sprintf("networks[%d]", j))
	v.oneOf(at+".calls", p.Calls, Trusted, Challenged)
	for k, t := range p.Transports {
		field := fmt.Sprintf("%s.transports[%d]", at, k)
		switch {
		case !slices.Contains(Transports(), t):
			v.add(field, "%q is no transport: write udp, tcp, tls, ws or wss", clip(t))
		case slices.Index(p.Transports, t) < k:
			v.add(field, "the transport %s is given twice", t)
		}
	}
	if p.MostPhones < 0 || p.MostCalls < 0 {
		v.add(at, "a bound is a number above zero: leave it out for none")
	}
	if !isText(p.Location) {
		v.add(at+".location", "a location has at most %d characters, all of them printable", maxText)
	}
}

func (v *validator) user(i int, u User) {
	field := path("users", i, "number")
	switch {
	case u.Number == "":
		v.add(field, "a user needs a number")
	case !isNumber(u.Number):
		v.add(field, "%q is not a number that can be dialled: letters, digits and . _ - * # + are allowed, at most %d", clip(u.Number), maxNumber)
	}
	v.unique(v.users, "users", i, "number", "number", u.Number)
	v.text(path("users", i, "name"), u.Name)
	v.digests(path("users", i, "password"), u.Digests)
	v.calendar(path("users", i, "calendar"), u.Calendar)
	if u.Site != "" {
		v.knownSite(path("users", i, "site"), u.Site)
	}
}

// directs runs when every number is known: a direct number must not be one.
func (v *validator) directs(i int, u User) {
	for j, d := range u.Direct {
		field := path("users", i, fmt.Sprintf("direct[%d]", j))
		first, taken := v.direct[d]
		owner, isUser := v.users[d]
		switch {
		case !isE164(d):
			v.add(field, "%q is not a direct number: %s", clip(d), meantE164(d))
		case taken:
			v.addAlso(field, first, "the direct number %s is given twice", d)
		case isUser:
			v.addAlso(field, path("users", owner, "number"), "the direct number %s is the number of a user already", d)
		default:
			v.direct[d] = field
		}
	}
}

// MostLamps is how many users a phone watches as one list at most.
const MostLamps = 128

// lamps runs when every number is known.
func (v *validator) lamps(i int, u User) {
	if len(u.Lamps) > MostLamps {
		v.add(path("users", i, "lamps"), "these are %d lamps: a list has at most %d", len(u.Lamps), MostLamps)
		return
	}
	for j, number := range u.Lamps {
		if len(v.all) >= maxProblems {
			return
		}
		field := path("users", i, fmt.Sprintf("lamps[%d]", j))
		if _, ok := v.users[number]; !ok {
			v.add(field, "the lamp %q is not the number of a user%s", clip(number), Nearest(number, keys(v.users)))
		} else if slices.Contains(u.Lamps[:j], number) {
			v.add(field, "the lamp %s is given twice", clip(number))
		}
	}
}

func (v *validator) operator(i int, s Site) {
	if s.Operator == "" {
		return
	}
	if _, ok := v.users[s.Operator]; !ok {
		v.add(path("sites", i, "operator"), "the operator %q is not the number of a user%s", clip(s.Operator), Nearest(s.Operator, keys(v.users)))
	}
}

// node reports a site that is gone though a node was told to stand there.
func (v *validator) node(n Node) {
	if _, ok := v.sites[n.Site]; !ok && n.Site != "" {
		v.add("sites", "the site %s must stay while node %s stands there", n.Site, n.Name)
	}
}

func (v *validator) name(list string, i int, name string) {
	switch {
	case name == "":
		v.add(path(list, i, "name"), "a %s needs a name", list[:len(list)-1])
	case !isLabel(name):
		v.add(path(list, i, "name"), "%q cannot be the name of a %s: letters, digits, - and _ are allowed, at most 63", clip(name), list[:len(list)-1])
	}
}

func (v *validator) unique(seen map[string]int, list string, i int, field, what, key string) {
	if key == "" {
		return
	}
	first, taken := seen[key]
	if !taken {
		seen[key] = i
		return
	}
	v.addAlso(path(list, i, field), path(list, first, field), "the %s %s is given twice", what, clip(key))
}

func (v *validator) knownSite(field, site string) {
	if _, ok := v.sites[site]; !ok {
		v.add(field, "there is no site %q%s", clip(site), Nearest(site, keys(v.sites)))
	}
}

func (v *validator) oneOf(field, value, first, second string) {
	if value != "" && value != first && value != second {
		v.add(field, "%q is unknown here: write %s or %s", clip(value), first, second)
	}
}

func (v *validator) text(field, s string) {
	if !isText(s) {
		v.add(field, "a name has at most %d characters, all of them printable", maxText)
	}
}

func (v *validator) digests(field string, d Digests) {
	if !d.IsZero() && !d.Elsewhere && (!isHex(d.MD5, 32) || !isHex(d.SHA256, 64)) {
		v.add(field, "these are not digests of a password")
	}
}

// path names a field of an element: "users[3].number", or the element itself.
func path(list string, i int, field string) string {
	if field == "" {
		return fmt.Sprintf("%s[%d]", list, i)
	}
	return fmt.Sprintf("%s[%d].%s", list, i, field)
}

func keys(m map[string]int) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.SortFunc(all, cmp.Compare[string])
	return all
}
