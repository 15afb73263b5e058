package lab

import "time"

// An outage is something that happens to a system, and its end.
type outage struct {
	name    string
	homing  string // of the branch: DESIGN section 5
	line    func(l *Line)
	strikes func(s *System)
	heals   func(s *System)
	wan     bool // nothing at the branch is touched
	silent  bool // nothing says so to those who ask
	asked   string
	fast    bool // is one of those that every run of all tests has
}

// branch is the site to which it happens; its node has the same LAN as its phones.
const (
	struck     = "mons"
	localFirst = "local-first"
	mainFirst  = "main-first"
)

// outages are the faults that the promise of survival is made for, each for a site
// whose phones prefer its own node, and for one whose phones prefer the mains.
func outages() []outage {
	var all []outage
	for _, homing := range []string{localFirst, mainFirst} {
		all = append(all,
			outage{name: "main-killed", wan: true, asked: "hardy", strikes: kills("laurel"), heals: starts("laurel")},
			outage{name: "main-unplugged", wan: true, asked: "hardy", strikes: unplugs("laurel"), heals: plugs("laurel"), silent: true},
			outage{name: "mains-killed", wan: true, asked: "mons-node", strikes: kills("laurel", "hardy"), heals: starts("laurel", "hardy"), fast: homing == mainFirst},
			outage{name: "mains-unplugged", wan: true, asked: "mons-node", strikes: unplugs("laurel", "hardy"), heals: plugs("laurel", "hardy"), silent: true},
			outage{name: "lifeguard-killed", asked: "laurel", strikes: kills("mons-node"), heals: starts("mons-node"), fast: homing == localFirst},
			outage{name: "lifeguard-unplugged", asked: "laurel", strikes: unplugs("mons-node"), heals: plugs("mons-node"), silent: true},
			outage{name: "link-down", wan: true, asked: "mons-node", strikes: (*System).unplugsLine, heals: (*System).plugsLine, fast: homing == mainFirst},
			silentDrop("silent-drop", nil, homing == localFirst),
			outage{name: "cold-start", asked: "mons-node", strikes: (*System).startsCold, heals: (*System).mendsLine},
		)
		if homing == localFirst {
			all = append(all,
				silentDrop("silent-drop-64kbit", func(l *Line) { l.shape("64kbit") }, false),
				silentDrop("silent-drop-loss", func(l *Line) { l.lose(5) }, false),
			)
		}
		for i := range all {
			if all[i].homing == "" {
				all[i].homing = homing
			}
		}
	}
	return all
}

func silentDrop(name string, line func(*Line), fast bool) outage {
	return outage{name: name, wan: true, silent: true, asked: "mons-node", line: line, strikes: (*System).cutsLine, heals: (*System).mendsLine, fast: fast}
}

func (s *System) unplugsLine() { s.lines[struck].Unplug() }
func (s *System) plugsLine()   { s.lines[struck].Plug() }
func (s *System) cutsLine()    { s.lines[struck].Cut() }
func (s *System) mendsLine()   { s.lines[struck].Mend() }

// startsCold cuts the line and has the node of the branch lose its power: it comes
// up with nobody in reach.
func (s *System) startsCold() {
	s.cutsLine()
	kills(homes[struck])(s)
	starts(homes[struck])(s)
}

func kills(nodes ...string) func(*System) {
	return func(s *System) {
		for _, n := range nodes {
			s.nodes[n].kill()
		}
	}
}

func starts(nodes ...string) func(*System) {
	return func(s *System) {
		for _, name := range nodes {
			n := s.nodes[name]
			n.start(n.flags...)
		}
	}
}

// unplugs pulls the cables of nodes out of their LANs.
func unplugs(nodes ...string) func(*System) { return cables(nodes, "down") }

func plugs(nodes ...string) func(*System) { return cables(nodes, "up") }

func cables(nodes []string, state string) func(*System) {
	return func(s *System) {
		s.tb.Helper()
		for _, n := range nodes {
			h := s.hosts[n]
			s.in(h.site, s.ip, "link", "set", h.port, state)
		}
	}
}

// A pace is how long each part of an outage is watched.
type pace struct {
	phones              int
	before, lasts, back time.Duration
}

func quickly() pace { return pace{60, 5 * time.Second, 30 * time.Second, 15 * time.Second} }

func fully() pace { return pace{200, 30 * time.Second, 120 * time.Second, 80 * time.Second} }
