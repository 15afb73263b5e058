package live

import (
	"sync"
	"time"
)

// A shard holds the bindings of the users whose names hash to it, indexed by
// user and by connection, and knows before when none ends.
type shard struct {
	mu      sync.RWMutex
	users   users
	flows   flows
	soonest int64               // when somebody may have ended, in ns since the table's base; 0 = never
	forgone map[string]struct{} // users whose bindings are not to be restored; nil: none
	count   int                 // of users' devices: entries that are shown
	work    []Binding           // what Update hands out; kept so that it costs nothing
	words   []byte              // room for the words of one; kept as well
}

// find returns the best claim to a device.
func (s *shard) find(user, device string) *entry {
	for e := s.users.first(user); e != nil; e = e.another() {
		if !e.lost && sameDevice(e.device(), device) {
			return e
		}
	}
	return nil
}

// findAt returns the claim of one node to a device.
func (s *shard) findAt(user, device, node string) *entry {
	for e := s.users.first(user); e != nil; e = e.another() {
		if e.node() == node && e.device() == device {
			return e
		}
	}
	return nil
}

// findOwn returns the claim of this node, node, to a device, whichever name it is
// known by.
func (s *shard) findOwn(user, device, node string) *entry {
	for e := s.users.first(user); e != nil; e = e.another() {
		if e.node() == node && sameDevice(e.device(), device) {
			return e
		}
	}
	return nil
}

// word puts x, a binding of this node, into words.
func (s *shard) word(x *Binding) wording { return wordingOf(x, &s.words) }

// add makes a new entry of x, whose words are w. ours tells whether x is at this
// node: only then does its flow mean something here.
func (s *shard) add(x *Binding, w wording, base time.Time, ours bool) *entry {
	e := &entry{}
	e.pack(x, w, base)
	s.users.add(e)
	s.place(e, x, ours)
	s.judge(e)
	return e
}

// change makes e, which is of the same user and device, say what x says in the
// words w.
func (s *shard) change(e *entry, x *Binding, w wording, base time.Time, ours bool) {
	if e.flow != x.Flow {
		s.flows.remove(e)
	}
	e.pack(x, w, base)
	s.place(e, x, ours)
	s.judge(e)
}

// place has e found by its connection, and when it ends.
func (s *shard) place(e *entry, x *Binding, ours bool) {
	if ours && x.isStream() && x.Flow != 0 {
		s.flows.add(e)
	} else {
		s.flows.remove(e)
	}
	s.expect(e)
	s.tally(e)
}

// expect sees to it that somebody looks when e ends.
func (s *shard) expect(e *entry) {
	if e.ends != 0 && (s.soonest == 0 || e.ends < s.soonest) {
		s.soonest = e.ends
	}
}

// isShown reports whether e says where a device is.
func (e *entry) isShown() bool { return !e.lost && !e.gone }

// tally keeps count of the entries that are shown.
func (s *shard) tally(e *entry) {
	switch shown := e.isShown(); {
	case shown && !e.counted:
		s.count++
	case !shown && e.counted:
		s.count--
	}
	e.counted = e.isShown()
}

// remove takes e out of every index.
func (s *shard) remove(e *entry) {
	s.flows.remove(e)
	s.users.remove(e)
	if e.counted {
		s.count--
	}
	s.judge(e)
}
