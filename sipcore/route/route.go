// Package route decides where a call goes. It asks a list of Steps, one per
// feature, until one of them has a Verdict. Deciding never blocks, does no I/O
// and changes nothing: package proxy carries the Verdict out, and asks again
// with the Outcome when an attempt failed.
package route

// A Step is one feature's say in where a call goes. It returns nil when it has
// nothing to say about this call; then the next Step is asked.
type Step interface {
	Route(c *Call) Verdict
}

// A Pipeline asks its Steps in order.
type Pipeline []Step

// Route returns the first Verdict that is not a [Redirect], following
// redirections until one leads nowhere or back to where the call has been. On
// the first asking it always has a Verdict; after an attempt, nil means that
// nobody wants to try anything else and the attempt's own response stands.
func (p Pipeline) Route(c *Call) Verdict {
	for {
		verdict := p.ask(c)
		if ring, ok := verdict.(Ring); ok && c.hasReason() {
			ring.Call = c
			return ring
		}
		r, ok := verdict.(Redirect)
		if !ok {
			return verdict
		}
		next, ok := c.Redirected(r)
		switch {
		case !ok:
			return Reject{Status: 404, Reason: "Not Found"}
		case next.Callee.Number != "" && c.hasVisited(next.Callee.Number):
			return Reject{Status: 482, Reason: "Loop Detected"}
		}
		c = next
	}
}

// ask returns the first opinion of a Step.
func (p Pipeline) ask(c *Call) Verdict {
	for _, step := range p {
		if v := step.Route(c); v != nil {
			return v
		}
	}
	if c.Outcome != None {
		return nil
	}
	return Reject{Status: 480, Reason: "Temporarily Unavailable"}
}
