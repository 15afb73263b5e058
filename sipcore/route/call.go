package route

import (
	"slices"

	"carillon/store"
)

// A Call is all a Step may look at. A Step must not change it.
type Call struct {
	View    *store.View // the configuration this call is decided with
	Caller  store.User  // zero when the caller is not one of our users
	Callee  store.User
	Outcome Outcome  // how the last attempt ended; None on the first asking
	Path    []string // numbers this call was redirected away from, oldest first
}

// Outcome is how an attempt to reach a callee ended.
type Outcome int

// The outcomes a Step can act on.
const (
	None     Outcome = iota // not tried yet
	Busy                    // 486 or 600
	NoAnswer                // it rang and nobody answered
	Offline                 // no phone could be reached
	Failed                  // any other refusal
)

func (c *Call) hasVisited(number string) bool {
	return c.Callee.Number == number || slices.Contains(c.Path, number)
}

func (c *Call) redirected(to store.User) *Call {
	return &Call{
		View:   c.View,
		Caller: c.Caller,
		Callee: to,
		Path:   append(slices.Clone(c.Path), c.Callee.Number),
	}
}
