package feature

import (
	"carillon/sipcore/route"
	"carillon/store"
)

// A Told is what watchers of a user are told of him.
type Told struct {
	Activity string // of RFC 4480; may be empty
	Open     bool   // he can be reached
	Version  uint32 // rises with each change, at this node
}

// A PresenceFinder knows what the watchers of a number are told, this moment. It is
// asked on the reading path and must not wait.
type PresenceFinder interface {
	PresenceOf(number string) Told
	// OutFor returns how many calls that go on have gone outside by the rules of a number.
	OutFor(number string) int
}

// mostOut bounds the calls that are outside by one user's rules at once: should they come
// back as calls that nobody knows again, they do not take every line.
const mostOut = 2

// Presence sends the calls of a user on by his rules for what is told of him: his
// activity, or that he is offline. His own phones ring when the rule leads where the
// call comes from or has been, where nobody can be reached, or where too many of his are
// already: an assistant reaches whom he stands in for.
type Presence struct {
	People PresenceFinder
	Phones TargetFinder
	Nodes  NodeFinder
}

// Route implements [route.Step].
func (p Presence) Route(c *route.Call) route.Verdict {
	if len(c.Callee.Rules) == 0 || c.Direct || c.Lone() || c.Caller.Number == c.Callee.Number {
		return nil
	}
	told := p.People.PresenceOf(c.Callee.Number)
	for _, state := range p.states(c, told) {
		r := route.Redirect{To: c.Callee.RuleFor(state), State: state, Version: told.Version}
		if r.To != "" && p.leads(c, r) {
			return r
		}
	}
	return nil
}

// states are what a rule of the callee can be for now, what says most first. That
// nobody was reached is as good as being told so.
func (p Presence) states(c *route.Call, told Told) (all []string) {
	if c.Outcome == route.None && told.Activity != "" {
		all = append(all, told.Activity)
	}
	switch {
	case c.Outcome == route.Offline || c.Outcome == route.Cut,
		c.Outcome == route.None && (!told.Open || len(p.Phones.TargetsOf(c.Callee.Number)) == 0):
		all = append(all, store.Offline)
	}
	return all
}

// leads reports whether a call that is sent on reaches somebody else than who calls.
func (p Presence) leads(c *route.Call, r route.Redirect) bool {
	next, ok := c.Redirected(r)
	switch {
	case !ok:
		return false
	case next.Callee.Number != "":
		return next.Callee.Number != c.Caller.Number && c.MaySendOn(next.Callee.Number)
	}
	return p.People.OutFor(c.Callee.Number) < mostOut && !route.SameNumber(c.View, c.Site, c.From, r.To) && c.MaySendOn(r.To) && len(lines(next, p.Nodes, r.To, false)) > 0
}
