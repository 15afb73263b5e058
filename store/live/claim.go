package live

import "cmp"

// This file decides between nodes that claim the same device. It looks at what
// the owners wrote and at nothing else, so that every node decides alike.

// beats reports whether e is a better claim than f to the
// same device. Who heard the phone itself unregister knows as well as who has
// its flow. Of one node, which may be known by both, a binding says more than a
// pointer.
func (e *entry) beats(f *entry) bool {
	if e.node() == f.node() {
		return isPointed(f.device()) && !isPointed(e.device())
	}
	return cmp.Or(
		cmp.Compare(toInt(e.flow != 0 || e.gone), toInt(f.flow != 0 || f.gone)),
		cmp.Compare(e.move, f.move),
		cmp.Compare(e.came, f.came),
		cmp.Compare(e.node(), f.node()),
	) > 0
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// judge decides anew who has the device of e, which was added, changed or
// removed. A device that nobody else claims, as nearly all, costs a look at the
// user's other entries.
func (s *shard) judge(e *entry) {
	var best *entry
	rivals := 0
	for f := s.users.first(e.user()); f != nil; f = f.another() {
		if !sameDevice(f.device(), e.device()) {
			continue
		}
		rivals++
		if best == nil || f.beats(best) {
			best = f
		}
	}
	if best == nil || rivals == 1 && !best.lost {
		return
	}
	for f := s.users.first(e.user()); f != nil; f = f.another() {
		if sameDevice(f.device(), e.device()) {
			f.lost = f != best
			s.tally(f)
		}
	}
}
