package presence

import "strings"

// twinsLocked looks for subscriptions of the phone that begins s, to the same. If one is
// of the same SUBSCRIBE, which came again because its answer was lost, or by another
// way, it is returned: it will do. The others are what the phone had before it was
// started again: those whose connection is closed are forgotten, and those of which that
// cannot be said are told again. A phone that knows nothing of one answers 481.
func (n *Notifier) twinsLocked(s *subscription, a *ask, users []string) *subscription {
	if len(users) == 0 {
		return nil
	}
	r := n.resources[resourceKey{a.pkg.Name, users[0]}]
	if r == nil {
		return nil
	}
	var closed []*subscription
	for _, w := range r.watchers {
		t := w.s
		switch {
		case !t.isLike(s):
		case t.callID == s.callID && t.remote == s.remote:
			return t
		case a.expires == 0: // it only asks
		case !t.flow.IsOpen() && t.target == s.target:
			closed = append(closed, t)
		default:
			t.owed = true
			n.dueLocked(t)
		}
	}
	for _, t := range closed {
		n.dropLocked(t)
	}
	return nil
}

// isLike reports whether two subscriptions are of one phone, as far as can be seen, and
// to the same.
func (s *subscription) isLike(t *subscription) bool {
	return s.ending == "" && s.watcher == t.watcher && s.entity == t.entity && (s.list == nil) == (t.list == nil) && s.event() == t.event() &&
		(s.target == t.target || s.flow.Remote().Addr() == t.flow.Remote().Addr())
}

// event returns the Event of its NOTIFYs.
func (s *subscription) event() string {
	_, event, _ := strings.Cut(s.head, "\r\nEvent: ")
	event, _, _ = strings.Cut(event, "\r\n")
	return event
}
