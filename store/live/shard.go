package live

import (
	"sync"
	"time"
)

// A shard holds the bindings of the users whose names hash to it, indexed by
// user and by connection, and knows when they end. A user's bindings are a
// chain, because most users have one.
type shard struct {
	mu      sync.RWMutex
	users   map[string]*entry // the first of each user's chain
	flows   map[uint64]*entry // the first on each connection to this node
	due     wheel
	forgone map[string]struct{} // users whose bindings are not to be restored; nil: none
	count   int                 // of users' devices: entries that are shown
	work    []Binding           // what Update hands out; kept so that it costs nothing
	words   []byte              // what the journal is told; kept as well
}

// find returns the best claim to a device.
func (s *shard) find(user, device string) *entry {
	for e := s.users[user]; e != nil; e = e.sibling {
		if !e.lost && sameDevice(e.device(), device) {
			return e
		}
	}
	return nil
}

// findAt returns the claim of one node to a device.
func (s *shard) findAt(user, device, node string) *entry {
	for e := s.users[user]; e != nil; e = e.sibling {
		if e.node() == node && e.device() == device {
			return e
		}
	}
	return nil
}

// findOwn returns the claim of this node, node, to a device, whichever name it is
// known by.
func (s *shard) findOwn(user, device, node string) *entry {
	for e := s.users[user]; e != nil; e = e.sibling {
		if e.node() == node && sameDevice(e.device(), device) {
			return e
		}
	}
	return nil
}

// add makes a new entry of x. ours tells whether x is at this node: only then
// does its flow mean something here.
func (s *shard) add(x *Binding, base time.Time, ours bool) *entry {
	e := &entry{sibling: s.users[x.User]}
	e.pack(x, base)
	s.users[e.user()] = e
	s.place(e, x, ours)
	s.judge(e)
	return e
}

// change makes e, which is of the same user and device, say what x says.
func (s *shard) change(e *entry, x *Binding, base time.Time, ours bool) {
	if e.onConn && e.flow != x.Flow {
		s.offFlow(e)
	}
	if newText := e.pack(x, base); newText && s.users[x.User] == e {
		// Assigning replaces the key too, which is a part of the text of
		// the first entry and would keep the old text alive.
		s.users[e.user()] = e
	}
	s.place(e, x, ours)
	s.judge(e)
}

// place puts e on its connection and on the wheel, if it is not there yet.
func (s *shard) place(e *entry, x *Binding, ours bool) {
	switch onConn := ours && x.isStream() && x.Flow != 0; {
	case onConn && !e.onConn:
		s.onFlow(e)
	case !onConn && e.onConn:
		s.offFlow(e)
	}
	s.due.schedule(e)
	s.tally(e)
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
	s.offFlow(e)
	s.due.cancel(e)
	s.unchain(e)
	if e.counted {
		s.count--
	}
	s.judge(e)
}

func (s *shard) unchain(e *entry) {
	user := e.user()
	first := s.users[user]
	if first != e {
		for first.sibling != e {
			first = first.sibling
		}
		first.sibling = e.sibling
		return
	}
	delete(s.users, user)
	if e.sibling != nil {
		s.users[e.sibling.user()] = e.sibling
	}
}

func (s *shard) onFlow(e *entry) {
	first := s.flows[e.flow]
	e.flowNext, e.onConn = first, true
	if first != nil {
		first.flowPrev = e
	}
	s.flows[e.flow] = e
}

func (s *shard) offFlow(e *entry) {
	if !e.onConn {
		return
	}
	if e.flowNext != nil {
		e.flowNext.flowPrev = e.flowPrev
	}
	switch {
	case e.flowPrev != nil:
		e.flowPrev.flowNext = e.flowNext
	case e.flowNext != nil:
		s.flows[e.flow] = e.flowNext
	default:
		delete(s.flows, e.flow)
	}
	e.flowPrev, e.flowNext, e.onConn = nil, nil, false
}
