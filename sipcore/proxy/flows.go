package proxy

import (
	"slices"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
)

// This file is RFC 5626 section 7: a phone with several flows is called by one of
// them, and by the next when that one has failed.

// oneFlowEach leaves the first target of each phone, and returns the others in
// the same order.
func oneFlowEach(targets []route.Target) (first, others []route.Target) {
	if !slices.ContainsFunc(targets, func(t route.Target) bool { return t.Instance != "" }) {
		return targets, nil // as nearly always
	}
	for _, t := range targets {
		if t.Instance != "" && slices.ContainsFunc(first, t.SamePhone) {
			others = append(others, t)
			continue
		}
		first = append(first, t)
	}
	return first, others
}

// nextFlow takes the next flow to the phone of t.
func (f *fork) nextFlow(t route.Target) (next route.Target, ok bool) {
	if t.Instance == "" || len(f.flows) == 0 {
		return route.Target{}, false
	}
	i := slices.IndexFunc(f.flows, t.SamePhone)
	if i < 0 {
		return route.Target{}, false
	}
	next = f.flows[i]
	f.flows = slices.Delete(f.flows, i, i+1)
	return next, true
}

// byOtherFlow starts another branch to the phone of b, which has ended so, if it
// is the flow that failed and the phone has another.
func (b *branch) byOtherFlow(status int, response *message.Message) bool {
	f := b.fork
	failed := status == flowFailed || status == 408 || status == 480 && response == nil
	if !failed || b.rang || f.over {
		return false
	}
	t, ok := f.nextFlow(b.target)
	return ok && f.ring(t, b.breadth)
}
