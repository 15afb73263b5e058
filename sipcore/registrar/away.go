package registrar

import (
	"time"

	"carillon/store/live"
)

// meanwhile is how long a phone that is sent away stays registered: it may look for
// another node, find none, and come back.
const meanwhile = 2 * time.Minute

// sendsAway answers a phone that is to register at another node, if it is one. What
// it has here goes on until it is there.
func (r *Registrar) sendsAway(j *job, user string) bool {
	if r.o.Leaves == nil || j.takesBack() || len(j.contacts) == 0 {
		return false
	}
	device := j.contacts[0].device(j.callID)
	after, leaves := r.o.Leaves(user, device, j.now)
	if !leaves {
		return false
	}
	r.counters.sentAway.Add(1)
	until := j.now.Add(meanwhile)
	_ = r.o.Bindings.Update(user, func(have []live.Binding) ([]live.Binding, error) {
		for i := range have {
			if x := &have[i]; x.Node == r.o.Bindings.Node() && x.Names(device) && x.Expires.Before(until) {
				x.Expires = until
			}
		}
		return have, nil
	})
	j.refuse(&refusal{status: 503, reason: "Register At Another Node", retryAfter: after})
	return true
}
