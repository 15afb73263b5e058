package feature

import "carillon/sipcore/route"

// Outside carries a call to a number that is not ours by a trunk.
type Outside struct{ Nodes NodeFinder }

// Route implements [route.Step]. It has no second idea when the carriers refused.
func (o Outside) Route(c *route.Call) route.Verdict {
	if c.Number.Kind != route.Outside || c.Incoming || c.Outcome != route.None {
		return nil
	}
	if targets := lines(c, o.Nodes, c.Number.Dial, false); len(targets) > 0 {
		return route.Ring{Targets: targets}
	}
	for range c.View.Trunks() {
		return route.Reject{Status: 480, Reason: "No Line Outside", Words: "no trunk can be reached from here"}
	}
	return route.Reject{Status: 404, Reason: "Not Found", Words: "there is no trunk"}
}
