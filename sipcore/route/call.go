package route

import (
	"slices"

	"carillon/store"
)

// A Call is all a Step may look at. A Step must not change it.
type Call struct {
	View    *store.View // the configuration this call is decided with
	Caller  store.User  // zero when the caller is not one of our users
	Callee  store.User  // zero when the number is not one of our users'
	Outcome Outcome     // how the last attempt ended; None on the first asking
	Path    []string    // numbers this call was redirected away from, oldest first

	Number   Number // what was dialled
	Site     string // where the caller is, or the carrier's trunk leads to
	Location string // where in the site, for who helps; may be empty
	Incoming bool   // from a carrier: it never goes out again
	Shown    string // one of the caller's own direct numbers that he wants to be known by; may be empty
	Withheld bool   // he does not want to be known
	Alone    bool   // the node that decides hears no main: its site goes on by itself

	Replaces *Replaces // the call that this one is to take the place of; nil: none
}

// Lone reports whether the site of the call goes on by itself with the profile
// dumb: direct desk numbers, its operator, its one trunk, and no more.
func (c *Call) Lone() bool {
	site, _ := c.View.Site(c.Site)
	return c.Alone && site.Survivable == store.Dumb
}

// Outcome is how an attempt to reach a callee ended.
type Outcome int

// The outcomes a Step can act on.
const (
	None     Outcome = iota // not tried yet
	Busy                    // 486 or 600
	NoAnswer                // it rang and nobody answered
	Offline                 // no phone could be reached
	Cut                     // neither could the node that holds the phone
	Failed                  // any other refusal
)

func (c *Call) hasVisited(number string) bool {
	return c.Callee.Number == number || slices.Contains(c.Path, number)
}

func (c *Call) redirected(to store.User) *Call {
	next := *c
	next.Callee, next.Path = to, append(slices.Clone(c.Path), c.Callee.Number)
	next.Outcome, next.Number = None, Number{Kind: Desk}
	return &next
}
