package feature

import (
	"slices"
	"strings"

	"carillon/sipcore/route"
	"carillon/store"
)

// A CallFinder knows the calls that a user is in, at whichever node. It is asked on
// the reading path and must not wait.
type CallFinder interface {
	CallsOf(number string) []route.Talk
}

// Pickup gives a call that rings at one desk to another: to who presses the lamp,
// whose phone names the call (RFC 3891), or dials the code and the number of the desk.
// It is for users; neither strangers nor carriers pick up.
type Pickup struct{ Calls CallFinder }

// Route implements [route.Step].
func (p Pickup) Route(c *route.Call) route.Verdict {
	if c.Outcome != route.None || c.Lone() {
		return nil
	}
	code, isCode := strings.CutPrefix(c.Number.Dial, c.View.Pickup())
	switch {
	case c.Replaces != nil && c.Callee.Number != "":
		return p.byName(c)
	case isCode && code != "" && c.Number.Kind == route.Unknown && !c.Incoming:
		return p.byCode(c, code)
	}
	return nil
}

// PickedUp returns the user whose call is picked up by a number that was dialled at a site;
// "" if it is no code, or nobody has that number.
func PickedUp(view *store.View, site string, dialled route.Number) string {
	number, isCode := strings.CutPrefix(dialled.Dial, view.Pickup())
	if !isCode || number == "" || dialled.Kind != route.Unknown {
		return ""
	}
	_, desk := route.Read(view, site, number)
	return desk.Number
}

// byName takes the call that Replaces names, if it rings at the callee. In the place
// of one that was answered his phone puts it by itself, as when somebody is transferred.
func (p Pickup) byName(c *route.Call) route.Verdict {
	calls := p.Calls.CallsOf(c.Callee.Number)
	isNamed := func(t route.Talk) bool { return c.Replaces.Names(&t) }
	if i := slices.IndexFunc(calls, func(t route.Talk) bool { return rings(t) && isNamed(t) }); i >= 0 {
		return take(c, calls[i])
	}
	i := slices.IndexFunc(calls, isNamed)
	switch {
	case i >= 0 && c.Replaces.EarlyOnly && !calls[i].Rings:
		return route.Reject{Status: 486, Reason: "Answered Already"}
	case i >= 0, c.Incoming, c.Replaces.Referred && !c.Replaces.EarlyOnly:
		return nil // a call from before this node was started is known to its phones alone
	}
	return route.Reject{Status: 481, Reason: "No Such Call Rings"}
}

// byCode takes the call that has been ringing longest at the desk with a number.
func (p Pickup) byCode(c *route.Call, number string) route.Verdict {
	if desk := PickedUp(c.View, c.Site, c.Number); desk != "" {
		number = desk
	}
	calls := slices.DeleteFunc(p.Calls.CallsOf(number), func(t route.Talk) bool { return !rings(t) })
	if len(calls) == 0 {
		return route.Reject{Status: 404, Reason: "Nothing Rings There"}
	}
	return take(c, slices.MinFunc(calls, func(a, b route.Talk) int {
		switch {
		case a.Old == b.Old:
			return a.Since.Compare(b.Since)
		case a.Old:
			return 1
		}
		return -1
	}))
}

func rings(t route.Talk) bool { return t.Called && t.Rings }

func take(c *route.Call, t route.Talk) route.Verdict {
	switch {
	case c.Caller.Number == "" || c.Incoming:
		return route.Reject{Status: 403, Reason: "Only Users Pick Up"}
	case c.Caller.Number == t.Other.User:
		return route.Reject{Status: 403, Reason: "Your Own Call"}
	}
	return route.Take{Talk: t}
}
