package live

import (
	"slices"
	"sync/atomic"
	"time"
)

// A person is what is known of one user.
type person struct {
	said    []statement  // published, here or at other nodes
	derived []Presence   // of dialogs and registrations
	state   State        // what is told of it
	asked   atomic.Int64 // when somebody asked, in Unix seconds
}

// A statement is what was published, until it ends.
type statement struct {
	Presence
	ends time.Time // zero: its node says when
}

func (s *statement) ended(now time.Time) bool { return !s.ends.IsZero() && !now.Before(s.ends) }

// index returns where what a source said to a node stands; -1 if nowhere.
func (w *person) index(id, node string) int {
	return slices.IndexFunc(w.said, func(s statement) bool { return s.ID == id && s.Node == node })
}

// find returns what a source said to a node; nil if nothing.
func (w *person) find(id, node string) *statement {
	if i := w.index(id, node); i >= 0 {
		return &w.said[i]
	}
	return nil
}

// put takes s in the place of what its source said to its node before.
func (w *person) put(s statement) {
	if was := w.find(s.ID, s.Node); was != nil {
		*was = s
	} else {
		w.said = append(w.said, s)
	}
}

// count returns how much was published at a node.
func (w *person) count(node string) (n int) {
	for i := range w.said {
		if w.said[i].Node == node {
			n++
		}
	}
	return n
}

// latest returns the largest stamp.
func (w *person) latest() (stamp int64) {
	for i := range w.said {
		stamp = max(stamp, w.said[i].Stamp)
	}
	return stamp
}

// isOutdone reports whether the same source has said something later to another
// node.
func (w *person) isOutdone(s *statement) bool {
	return slices.ContainsFunc(w.said, func(t statement) bool { return s.isOutdoneBy(&t.Presence) })
}
