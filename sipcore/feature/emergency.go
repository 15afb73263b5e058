package feature

import "carillon/sipcore/route"

// Emergency carries a call for help by the trunk of the caller's site, else by any
// that can be reached, and to the site's operator if there is none or all have
// refused. It comes before every other feature.
type Emergency struct{ Nodes NodeFinder }

// Route implements [route.Step].
func (e Emergency) Route(c *route.Call) route.Verdict {
	if c.Number.Kind != route.Emergency {
		return nil
	}
	if c.Outcome == route.None {
		if targets := lines(c, e.Nodes, c.Number.Dial, true); len(targets) > 0 {
			return route.Ring{Targets: targets}
		}
	}
	if site, _ := c.View.Site(c.Site); site.Operator != "" && site.Operator != c.Caller.Number {
		return route.Redirect{To: site.Operator}
	}
	if c.Outcome != route.None {
		return nil
	}
	return route.Reject{Status: 480, Reason: "No Line Outside", Words: "there is no trunk for emergency calls"}
}
