package feature

import (
	"slices"

	"carillon/sipcore/route"
	"carillon/store"
)

// A NodeFinder knows which nodes can speak to a carrier at a site. It is asked on
// the reading path and must not wait.
type NodeFinder interface {
	// NodesAt returns the nodes of a site that are heard, this one first; if the
	// site has none of its own, this one.
	NodesAt(site string) []string
	// Here returns the name of this node.
	Here() string
}

const (
	mostLines     = 2 // that a call tries: a silent one takes two seconds
	mostEmergency = 8
	mostPast      = 2 // of sites that are not heard: they hold up the operator
)

// lines are the trunks by which a number may be called, in the order in which they
// are tried: those of the caller's site, then those of the mains' sites, and, if it
// must get out by whichever, all others, and last those of sites that are not heard,
// whose carriers may be.
func lines(c *route.Call, nodes NodeFinder, number string, insist bool) []route.Target {
	if !insist {
		return toLines(c, number, false, mostLines, usual(c, nodes))
	}
	return toLines(c, number, true, mostEmergency, whichever(c, nodes))
}

// An exit is a trunk, and the node that speaks to its carrier.
type exit struct {
	trunk store.Trunk
	node  string
}

func usual(c *route.Call, nodes NodeFinder) (all []exit) {
	for _, t := range byNearness(c, false) {
		if heard := nodes.NodesAt(t.Site); len(heard) > 0 {
			all = append(all, exit{t, heard[0]})
		}
	}
	return all
}

func whichever(c *route.Call, nodes NodeFinder) (all []exit) {
	var past []exit // nodes that are not heard
	for _, t := range byNearness(c, true) {
		heard := nodes.NodesAt(t.Site)
		for _, node := range heard {
			all = append(all, exit{t, node})
		}
		if len(heard) == 0 {
			past = append(past, exit{t, nodes.Here()})
		}
	}
	return append(all, past[:min(len(past), mostPast)]...)
}

func toLines(c *route.Call, number string, insist bool, most int, exits []exit) (all []route.Target) {
	for i, x := range exits[:min(len(exits), most)] {
		t := line(c, x.trunk, x.node, number, insist)
		t.Q = 1 - float32(i+1)/100
		all = append(all, t)
	}
	return all
}

// byNearness returns the trunks that c may use, the nearest first.
func byNearness(c *route.Call, insist bool) []store.Trunk {
	var own, mains, others []store.Trunk
	headOffice := mainSites(c.View)
	for t := range c.View.Trunks() {
		switch {
		case t.Site == c.Site:
			own = append(own, t)
		case insist && !slices.Contains(headOffice, t.Site):
			others = append(others, t)
		case slices.Contains(headOffice, t.Site) && (insist || !c.Lone()):
			mains = append(mains, t)
		}
	}
	return slices.Concat(own, mains, others)
}

func mainSites(view *store.View) []string {
	var all []string
	for _, n := range view.Nodes() {
		if n.Role == store.Main {
			all = append(all, view.SiteOf(n))
		}
	}
	return all
}

func line(c *route.Call, t store.Trunk, node, number string, insist bool) route.Target {
	return route.Target{
		URI: "sip:" + number + "@" + t.At().String(), Route: node, User: route.Trunk(t.Name), Device: node,
		Shown: shown(c, t.Site), Withheld: c.Withheld && !insist, Insist: insist,
	}
}

// shown is the number by which the caller is known to a carrier, who believes a
// site only its own numbers: his direct one, or else the site's. Who calls from outside
// is no number of ours: a carrier hears that of who sends his call on.
func shown(c *route.Call, site string) string {
	by := c.Caller
	if sender, ok := c.Sender(); ok && by.Number == "" {
		by = sender // for whoever called him
	}
	if own := by.Direct; len(own) > 0 && (by.Site == site || by.Site == "") {
		if slices.Contains(own, c.Shown) {
			return c.Shown
		}
		return own[0]
	}
	return c.View.NumberOf(site)
}
