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
}

const (
	mostLines     = 2 // that a call tries: a silent one takes two seconds
	mostEmergency = 8
)

// lines are the trunks by which a number may be called, in the order in which they
// are tried: those of the caller's site, then those of the mains' sites, and, if it
// must get out by whichever, all others.
func lines(c *route.Call, nodes NodeFinder, number string, insist bool) []route.Target {
	most := mostLines
	if insist {
		most = mostEmergency
	}
	var all []route.Target
	for _, t := range byNearness(c, insist) {
		for _, node := range nodes.NodesAt(t.Site) {
			if len(all) < most {
				all = append(all, line(c, t, node, number, insist))
				all[len(all)-1].Q = 1 - float32(len(all))/100
			}
			if !insist {
				break
			}
		}
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
// site only its own numbers: his direct one, or else the site's.
func shown(c *route.Call, site string) string {
	if own := c.Caller.Direct; len(own) > 0 && (c.Caller.Site == site || c.Caller.Site == "") {
		if slices.Contains(own, c.Shown) {
			return c.Shown
		}
		return own[0]
	}
	return c.View.NumberOf(site)
}
