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
	if c.Outcome != route.None {
		return nil
	}
	code, isCode := strings.CutPrefix(c.Number.Dial, c.View.Pickup())
	switch {
	case c.Replaces != nil && c.Callee.Number != "":
		return p.byName(c)
	case isCode && code != "" && c.Number.Kind == route.Unknown && !c.Incoming && !c.Lone():
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
// of one that was answered, or of one that nobody knows here, his phone puts it by itself,
// as when somebody is transferred. Lamps tell everybody the names of calls: so nobody
// gets into one that was answered but who has to do with it already.
func (p Pickup) byName(c *route.Call) route.Verdict {
	named := slices.DeleteFunc(p.Calls.CallsOf(c.Callee.Number), func(t route.Talk) bool { return !c.Replaces.Names(&t) })
	up := slices.IndexFunc(named, func(t route.Talk) bool { return !t.Rings })
	ringing := slices.IndexFunc(named, rings)
	isTransferred := c.Replaces.Referred && !c.Replaces.EarlyOnly
	switch {
	case ringing >= 0 && !isTransferred && !c.Lone():
		return take(c, named[ringing])
	case up >= 0 && c.Replaces.EarlyOnly:
		return route.Reject{Status: 486, Reason: "Answered Already"}
	case up >= 0 && !c.Incoming && !p.concerns(&named[up], c):
		return route.Reject{Status: 403, Reason: "Not Your Call"}
	case len(named) == 0 && c.Replaces.EarlyOnly && !c.Incoming:
		return route.Reject{Status: 481, Reason: "No Such Call Rings"}
	}
	return nil
}

// concerns reports whether who calls talks with one of the two in a call: he is in it
// himself, by another phone, or one of them transfers him to the other.
func (p Pickup) concerns(call *route.Talk, c *route.Call) bool {
	if c.Caller.Number == "" {
		return false
	}
	callee := route.Party{User: c.Callee.Number, Number: c.Callee.Number}
	theirs := slices.Concat(p.Calls.CallsOf(callee.Number), p.Calls.CallsOf(call.Other.Number))
	return slices.ContainsFunc(p.Calls.CallsOf(c.Caller.Number), func(t route.Talk) bool {
		return !t.Rings && (isWith(&t, callee) || isWith(&t, call.Other) ||
			slices.ContainsFunc(theirs, func(x route.Talk) bool { return t.Node == x.Node && t.CallID == x.CallID && areSides(&t, &x) }))
	})
}

// isWith reports whether the other side of t is who. A stranger may call himself by the
// number of a user.
func isWith(t *route.Talk, who route.Party) bool {
	isStranger := t.Called && t.Other.User == ""
	return t.Other.Number == who.Number && (!isStranger || who.User == "")
}

// areSides reports whether two sides of calls with one Call-ID are of one call.
func areSides(a, b *route.Talk) bool {
	return a.LocalTag == b.LocalTag && a.RemoteTag == b.RemoteTag || a.LocalTag == b.RemoteTag && a.RemoteTag == b.LocalTag
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
