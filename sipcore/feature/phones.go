package feature

import "carillon/sipcore/route"

// A TargetFinder knows where a number is registered, on this node or another.
// It is asked on the reading path and must not wait.
type TargetFinder interface {
	TargetsOf(number string) []route.Target
}

// Phones rings the callee's registered phones, all that there are.
type Phones struct{ Targets TargetFinder }

// Route implements [route.Step]. It has no second idea once the phones rang.
func (p Phones) Route(c *route.Call) route.Verdict {
	if c.Outcome != route.None {
		return nil
	}
	targets := p.Targets.TargetsOf(c.Callee.Number)
	if len(targets) == 0 {
		return nil
	}
	return route.Ring{Targets: targets}
}
