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

// aDrainedNodeLeavesAllAnswers: two seconds after a main was drained no node names it to
// the phones of its site in any answer; when it is drained no more, all do again.
func aDrainedNodeLeavesAllAnswers(s *System) {
	const goes, within = "laurel", 2 * time.Second
	others := []string{"hardy", "mons-node", "namur-node"}
	all := func(site, at string) string {
		return s.dig(site, at, "_sip._tcp."+Domain, "SRV", "_sips._tcp."+Domain, "SRV", "_sip._udp."+Domain, "SRV",
			Domain, "A", Domain, "NS", Domain, "SOA", goes+"."+Domain, "A", "-x", s.nodes[goes].Addr.String())
	}
	sites := map[string]string{goes: "hq", "hardy": "hq", "mons-node": "mons", "namur-node": "namur"}
	names := func(at string) bool {
		said := strings.Fields(all(sites[at], at))
		return slices.Contains(said, goes) || slices.Contains(said, s.nodes[goes].Addr.String())
	}
	for at := range sites {
		if !names(at) {
			s.tb.Errorf("before it is drained, %s does not name %s", at, goes)
		}
	}
	began := tool.Start(s.tb)
	if err := s.nodes[others[0]].run("drain", goes); err != nil {
		s.tb.Fatalf("carillon drain: %v", err)
	}
	said, took := began.Took(), map[string]time.Duration{}
	for len(took) < len(sites) && began.Took() < patience {
		for at := range sites {
			if _, gone := took[at]; !gone && !names(at) {
				took[at] = began.Took()
			}
		}
	}
	s.tb.Logf("the drain of %s was decided after %v, and in no answer it is after %v", goes, said.Round(time.Millisecond), took)
	for at := range sites {
		if after, gone := took[at]; !gone || after > within {
			s.tb.Errorf("%s was drained, and %s names it for %v (0: always), want at most %v", goes, at, after, within)
		}
	}
	if err := s.nodes[others[0]].run("drain", goes, "--undo"); err != nil {
		s.tb.Fatalf("carillon drain --undo: %v", err)
	}
	eventually(s.tb, goes+" is named again", 20*time.Second, func() bool {
		return names(goes) && names("hardy") && names("mons-node") && names("namur-node")
	})
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
