package presence

import "time"

// Every auditEvery an auditParts-th of what is watched is compared with the tables, and
// what watchers were told with that: a change that nobody told of is seen once, believed
// when it is seen again, and told within auditParts+1 times auditEvery.
const (
	auditEvery = time.Second
	auditParts = 3
)

// An auditor looks for watchers who were not told. It belongs to Run.
type auditor struct {
	left  []*resource // to be looked at in this round
	share int         // how many each time
	doubt []*resource // that were not as their tables are, whose change may just be on its way
}

// nextAudit is when to look next: never, where nobody watches anything.
func (n *Notifier) nextAudit() <-chan time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.resources) == 0 {
		return nil
	}
	return time.After(auditEvery)
}

// audit looks at the next part of what is watched, and has told what was not.
func (n *Notifier) audit() {
	a := &n.auditor
	doubted := a.doubt
	a.doubt = nil
	wrong := 0
	for _, r := range doubted {
		n.contained(func() { wrong += n.compare(r, true) })
	}
	for _, r := range n.nextShare() {
		n.contained(func() { wrong += n.compare(r, false) })
	}
	if wrong > 0 {
		n.count.mistaken.Add(int64(wrong) * int64(auditParts*auditEvery))
		n.o.Logger.Warn("watchers had not been told", "watchers", wrong)
	}
}

// nextShare returns what is to be looked at now.
func (n *Notifier) nextShare() []*resource {
	a := &n.auditor
	if len(a.left) == 0 {
		n.mu.Lock()
		for _, r := range n.resources {
			a.left = append(a.left, r)
		}
		n.mu.Unlock()
		a.share = (len(a.left) + auditParts - 1) / auditParts
	}
	part := a.left[:min(a.share, len(a.left))]
	a.left = a.left[len(part):]
	return part
}

// compare returns how many watchers of r do not know what they should and are not about
// to: they are told. That r is not what its table has is a mistake if it was so before.
func (n *Notifier) compare(r *resource, doubted bool) (wrong int) {
	sight := r.pkg.Look(r.user)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case r.queued || r.sight == nil || len(r.watchers) == 0:
		return 0
	case sight.Same(r.sight):
	case !doubted:
		n.auditor.doubt = append(n.auditor.doubt, r)
		return 0
	default:
		r.sight = sight
	}
	for _, w := range r.watchers {
		if w.s.missesLocked(w.place) {
			n.dueLocked(w.s)
			wrong++
		}
	}
	return wrong
}

// missesLocked reports whether the phone was shown something else than there is, and
// nothing is on its way or waits for it. place is among the members of a list.
func (s *subscription) missesLocked(place int32) bool {
	switch {
	case s.queued || s.busy || s.waits:
		return false
	case s.list != nil:
		return s.list.knownLocked() && s.list.members[place].newsLocked()
	}
	return s.newsLocked()
}
