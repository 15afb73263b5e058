// Package mode decides whether a node is with the others or goes on alone. It is
// pure: it sees what is known about links and the time, and answers; who watches
// links, tells the operator and acts is package node.
package mode

import (
	"slices"
	"strings"
	"time"
)

// The modes of a node.
const (
	Cluster    = "cluster"
	Survivable = "survivable"
)

// Values of DESIGN section 4.
const (
	// Stability is how long a main must be heard before a node that is alone is
	// with the others again.
	Stability = 10 * time.Second
	// Patience is how long a node that has just started waits for a first sign of
	// a main.
	Patience = 8 * time.Second
)

// A Link is what is known about the way to one main.
type Link struct {
	Node  string
	Up    bool
	Since time.Time // since when it is up or down
}

// A Mode remembers what was decided last. A zero Mode is not usable: see New.
type Mode struct {
	site    string
	started time.Time
	heard   bool // a main was heard since the start
	now     string
}

// New returns the Mode of a node at a site that starts at the given time. It is
// with the others until Patience has passed.
func New(site string, started time.Time) *Mode {
	return &Mode{site: site, started: started, now: Cluster}
}

// Now returns what was decided last.
func (m *Mode) Now() string { return m.now }

// A Decision is what came of looking at the links.
type Decision struct {
	Changed bool
	Words   string        // what happened, for people, if anything did
	Again   time.Duration // when time alone may decide differently; 0 is never
}

// Decide looks at the links to all the mains there are. A node without mains to
// hear is with the others.
func (m *Mode) Decide(now time.Time, mains []Link) Decision {
	up := names(mains, func(l Link) bool { return l.Up })
	m.heard = m.heard || len(up) > 0
	switch {
	case len(mains) == 0:
		return Decision{}
	case m.now == Cluster && len(up) == 0:
		return m.leave(now)
	case m.now == Survivable && len(up) > 0:
		return m.comeBack(now, mains)
	default:
		return Decision{}
	}
}

// leave goes alone at once, because the links' own monitor has been patient; but
// a node that starts must first have had the time to hear somebody.
func (m *Mode) leave(now time.Time) Decision {
	if left := m.started.Add(Patience).Sub(now); !m.heard && left > 0 {
		return Decision{Again: left}
	}
	m.now = Survivable
	return Decision{Changed: true, Words: m.site + " goes on alone: it hears none of the mains"}
}

// comeBack waits until one of the mains has been heard for Stability.
func (m *Mode) comeBack(now time.Time, mains []Link) Decision {
	stable := names(mains, func(l Link) bool { return l.Up && now.Sub(l.Since) >= Stability })
	if len(stable) > 0 {
		m.now = Cluster
		up := names(mains, func(l Link) bool { return l.Up })
		return Decision{Changed: true, Words: m.site + " is back with " + and(up)}
	}
	again := Stability
	for _, l := range mains {
		if l.Up {
			again = min(again, Stability-now.Sub(l.Since))
		}
	}
	return Decision{Again: again}
}

func names(links []Link, is func(Link) bool) []string {
	var found []string
	for _, l := range links {
		if is(l) {
			found = append(found, l.Node)
		}
	}
	slices.Sort(found)
	return found
}

// and lists names as people do.
func and(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}
