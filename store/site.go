package store

import "net/netip"

// A Site is a place with networks of its own.
type Site struct {
	Name         string
	Networks     []netip.Prefix // masked; the longest prefix of all sites wins
	CallsTrusted bool           // calls from its networks are not challenged
	Operator     string         // the user who takes what nobody else takes; may be empty
	Homing       string         // LocalFirst or MainFirst; empty is LocalFirst
	Survivable   string         // Standard or Dumb; empty is Standard
	Budget       int            // kbit/s of its line that nodes may take to tell each other; 0 is DefaultBudget
	Address      netip.Prefix   // the service address that its nodes share, with the length of its network; zero: none
	DHCP         []Pool         // what its nodes give to devices; none: they answer no DHCP

	Profiles []Profile // of those Networks that differ from the rest of the site
	Country  string    // the country code that its national numbers lack ("+32"); empty: they are not known as such
	Outside  string    // what is dialled before a number outside, where that is the custom; may be empty
}

// The budget of a site's line, in kbit/s.
const (
	DefaultBudget = 64
	LeastBudget   = 8
	MostBudget    = 10_000_000
)

// The ways a site finds its node: DESIGN section 5.
const (
	LocalFirst = "local-first" // its own node, then the mains
	MainFirst  = "main-first"  // the mains, then its own node
)

// The profiles of a site that is cut off.
const (
	Standard = "standard" // everything the site can do alone
	Dumb     = "dumb"     // direct desk numbers, the operator, one trunk
)

// withDefaults returns s with every default written out, so that an absent
// value and its default are the same content.
func (s Site) withDefaults() Site {
	if s.Homing == "" {
		s.Homing = LocalFirst
	}
	if s.Survivable == "" {
		s.Survivable = Standard
	}
	if s.Budget == 0 {
		s.Budget = DefaultBudget
	}
	s.DHCP = each(s.DHCP, Pool.withDefaults)
	return s
}
