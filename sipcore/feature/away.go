package feature

import "carillon/sipcore/route"

// Away calls a desk at another site by its direct number when nothing is heard of
// that site: its line is cut, and the carrier has one of its own.
type Away struct{ Nodes NodeFinder }

// Route implements [route.Step]. It is asked when no phone was found, or reached.
func (a Away) Route(c *route.Call) route.Verdict {
	if c.Callee.Site == "" || c.Callee.Site == c.Site || c.Incoming || c.Lone() || !a.isCut(c) {
		return nil
	}
	if direct := c.Callee.Direct; len(direct) > 0 {
		if targets := lines(c, a.Nodes, direct[0], false); len(targets) > 0 {
			return route.Ring{Targets: targets}
		}
	}
	return route.Reject{Status: 480, Reason: "Site Not Reachable", Words: "nothing is heard of site " + c.Callee.Site}
}

// isCut reports whether the callee's site is out of reach.
func (a Away) isCut(c *route.Call) bool {
	switch c.Outcome {
	case route.Cut:
		return true
	case route.None, route.Offline:
		return len(a.Nodes.NodesAt(c.Callee.Site)) == 0
	default:
		return false
	}
}
