package lab

import (
	"slices"
	"strings"
	"time"

	"carillon/test/tool"
)

// namesOfEachSite: phones of each site ask the nodes of the system where their
// servers are, and are told what DESIGN section 5 says, by UDP and by TCP: their own
// node first, never that of another site.
func namesOfEachSite(s *System) {
	for _, c := range []struct{ from, at, want string }{
		{"hq", "laurel", "laurel hardy"},
		{"hq", "hardy", "laurel hardy"},
		{"mons", "mons-node", "mons-node laurel hardy"},
		{"mons", "hardy", "mons-node laurel hardy"},
		{"namur", "namur-node", "namur-node laurel hardy"},
		{"namur", "mons-node", "namur-node laurel hardy"},
	} {
		for _, how := range []string{"+notcp", "+tcp"} {
			if got := s.dig(c.from, c.at, how, "_sip._tcp."+Domain, "SRV"); got != c.want {
				s.tb.Errorf("servers of %s, as %s says (%s): got %q, want %q", c.from, c.at, how, got, c.want)
			}
		}
		if got, want := s.dig(c.from, c.at, Domain, "A"), s.nodes[strings.Fields(c.want)[0]].Addr.String(); got != want {
			s.tb.Errorf("the address of the domain in %s: got %q, want %q", c.from, got, want)
		}
	}
	if got := s.dig("hq", "laurel", "mons-node."+Domain, "A"); got != "" {
		s.tb.Errorf("the LifeGUARD of mons, as hq is told: got %q, want nothing", got)
	}
	if got := s.dig("mons", "mons-node", "example.org", "A"); got != "" {
		s.tb.Errorf("somebody else's name: got %q, want nothing", got)
	}
}

// servers returns what the phones of a site are told at a node of theirs.
func (s *System) servers(site string) string {
	s.tb.Helper()
	return s.dig(site, homes[site], "_sip._tcp."+Domain, "SRV")
}

// leaves waits until a node is in no answer that a site is given.
func (s *System) leaves(site, at, node string) {
	s.tb.Helper()
	eventually(s.tb, node+" is in no answer of "+at, 30*time.Second, func() bool {
		return !slices.Contains(strings.Fields(s.dig(site, at, "_sip._tcp."+Domain, "SRV")), node)
	})
}

// dig asks a node from a phone's place, with arguments as dig takes them, and
// returns the targets of the records of the answer by priority, without the domain.
func (s *System) dig(site, node string, ask ...string) string {
	s.tb.Helper()
	dig := tool.Need(s.tb, "dig", "bind9-dnsutils")
	args := append([]string{"@" + s.nodes[node].Addr.String(), "+short", "+time=5", "+tries=2"}, ask...)
	out, err := s.hosts[site+"-phones"].command(dig, args...).CombinedOutput()
	if err != nil {
		s.tb.Fatalf("dig %s: %v, %s", strings.Join(args, " "), err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines) // the priorities have as many digits
	var targets []string
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) > 0 {
			targets = append(targets, strings.TrimSuffix(fields[len(fields)-1], "."+Domain+"."))
		}
	}
	return strings.Join(targets, " ")
}
