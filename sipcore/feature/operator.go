package feature

import (
	"strings"

	"carillon/sipcore/route"
)

// Operator takes what nobody else takes while the site goes on alone. Codes for
// services, such as *98, are answered instead: only the profile dumb takes them
// for an unknown number. In the cluster an unknown number is an error of who
// dialled it.
type Operator struct{}

// Route implements [route.Step].
func (Operator) Route(c *route.Call) route.Verdict {
	if c.Callee.Number != "" || c.Outcome != route.None {
		return nil
	}
	site, _ := c.View.Site(c.Site)
	switch {
	case !c.Alone || site.Operator == "" || site.Operator == c.Caller.Number:
		return route.Reject{Status: 404, Reason: "Not Found"}
	case strings.HasPrefix(c.Number.Dial, "*") && !c.Lone():
		return route.Reject{Status: 480, Reason: "Not Available Now", Words: "this service is not available while the site goes on alone"}
	}
	return route.Redirect{To: site.Operator}
}
