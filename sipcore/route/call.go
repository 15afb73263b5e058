package route

import (
	"slices"
	"strings"

	"carillon/store"
)

// A Call is all a Step may look at. A Step must not change it.
type Call struct {
	View    *store.View // the configuration this call is decided with
	Caller  store.User  // zero when the caller is not one of our users
	Callee  store.User  // zero when the number is not one of our users'
	Outcome Outcome     // how the last attempt ended; None on the first asking
	Path    []Departure // whom this call has left, oldest first

	Number   Number // what was dialled
	Site     string // where the caller is, or the carrier's trunk leads to
	Location string // where in the site, for who helps; may be empty
	Incoming bool   // from a carrier: it never goes out again
	Shown    string // one of the caller's own direct numbers that he wants to be known by; may be empty
	Withheld bool   // he does not want to be known
	Alone    bool   // the node that decides hears no main: its site goes on by itself
	Direct   bool   // it is for the callee's own phones, whatever sends other calls of his elsewhere
	From     string // by which number a carrier says that he calls; may be empty

	Replaces *Replaces // the call that this one is to take the place of; nil: none
}

// A Departure is why a call has left somebody for somebody else.
type Departure struct {
	Number  string // whom; empty: nobody's number was called
	State   string // what was told of him; empty: that is not why
	Version uint32 // of what was told of him, at the node that decides
}

// mostDepartures bounds how often a call is sent on.
const mostDepartures = 8

// MaySendOn reports whether the call may leave its callee for a number, which it
// has not left before.
func (c *Call) MaySendOn(to string) bool {
	return !c.Direct && len(c.Path) < mostDepartures && !c.hasVisited(to)
}

// Sender returns who sends the call on, if one of our users does.
func (c *Call) Sender() (store.User, bool) {
	if len(c.Path) == 0 {
		return store.User{}, false
	}
	return c.View.User(c.Path[len(c.Path)-1].Number)
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
	return c.Callee.Number == number || slices.ContainsFunc(c.Path, func(d Departure) bool { return d.Number == number })
}

// hasReason reports whether somebody was left for what was told of him.
func (c *Call) hasReason() bool {
	return slices.ContainsFunc(c.Path, func(d Departure) bool { return d.State != "" })
}

// Redirected returns the call as it is when r has sent it on; false if r leads to
// nobody. Who helps where help is called for is called himself, and what a user
// sends out may go out, though a carrier began it: it goes where he says, not its
// caller.
func (c *Call) Redirected(r Redirect) (*Call, bool) {
	next := *c
	next.Path = append(slices.Clone(c.Path), Departure{c.Callee.Number, r.State, r.Version})
	next.Outcome, next.Number = None, Number{Kind: Desk}
	next.Direct = c.Direct || c.Number.Kind == Emergency
	var known bool
	if next.Callee, known = desk(c.View, r.To); known {
		return &next, true
	}
	next.Number, next.Incoming = Number{Kind: Outside, Dial: r.To}, false
	return &next, r.State != "" && strings.HasPrefix(r.To, "+")
}
