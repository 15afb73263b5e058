package live

import (
	"slices"
	"time"
)

// Update lets f decide what the bindings of user are to be, given what they
// are, while nobody else changes them: the registrar's way of writing. f runs
// with a lock of the table held: it must neither block nor call the table, and
// must not keep have, which it may change, append to and return. A binding that f returns
// without a Node, or with this node's, is at this node; one of another node is
// left as it is. What f leaves out is removed, by its owner if that is another
// node. An error of f changes nothing.
func (b *Bindings) Update(user string, f func(have []Binding) ([]Binding, error)) error {
	s := b.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	have := slices.Grow(b.appendLocked(s.work[:0], s, user, now), 1)
	defer s.keepWork(have)
	want, err := f(have)
	if err != nil {
		return err
	}
	for i := range want {
		if want[i].User = user; want[i].textSize() > maxText {
			return ErrTooLarge
		}
	}
	b.dropOthersLocked(s, user, want, now)
	for i := range want {
		if x := &want[i]; x.Node == "" || x.Node == b.node {
			b.writeLocked(s, x, now)
		}
	}
	return nil
}

// keepWork keeps a slice for the next Update, emptied so that it keeps no text
// alive.
func (s *shard) keepWork(list []Binding) {
	list = list[:cap(list)]
	clear(list)
	s.work = list[:0]
}

// dropOthersLocked removes what f has seen and left out.
func (b *Bindings) dropOthersLocked(s *shard, user string, want []Binding, now time.Time) {
	for e := s.users.first(user); e != nil; {
		next := e.another()
		if !slices.ContainsFunc(want, func(x Binding) bool { return x.Names(e.device()) }) {
			b.dropLocked(s, e, now)
		}
		e = next
	}
}

func (b *Bindings) dropLocked(s *shard, e *entry, now time.Time) {
	x := e.binding(b.base)
	switch {
	case !e.isShown() || b.ended(e, now) || !b.silent.mark(&x, now): // f has not seen it
	case x.Node == b.node:
		b.removeLocked(s, e)
	default:
		b.retireLocked(s, &x, now)
	}
}

// retireLocked claims a device that another node has, which unregistered here.
// Its owner hears that it lost the device and gives it up; the claim stays for as
// long as that one may believe that it has it.
func (b *Bindings) retireLocked(s *shard, theirs *Binding, now time.Time) {
	x := Binding{
		User: theirs.User, Device: theirs.Device, Node: b.node, Move: theirs.Move + 1, Gone: true,
		Granted: theirs.Granted, Since: now, Expires: now.Add(theirs.Granted + afterlife),
	}
	e := s.findOwn(x.User, x.Device, b.node)
	if e == nil {
		e = s.add(&x, s.word(&x), b.base, true)
	} else {
		x.Device = e.device()
		s.change(e, &x, s.word(&x), b.base, true)
	}
	b.tellLocked(e, false)
}

// Put records a registration at this node. One with more than 64 kB of text is
// not recorded.
func (b *Bindings) Put(x Binding) {
	if x.textSize() > maxText {
		return
	}
	s := b.shard(x.User)
	s.mu.Lock()
	defer s.mu.Unlock()
	b.writeLocked(s, &x, time.Now())
}

// FlowClosed marks the bindings on a connection of this node as down. That is not
// for the disk, and OnChange's function is not called: no connection outlives
// the node, so that a binding on one comes back down anyway.
func (b *Bindings) FlowClosed(flow uint64) {
	for i := range b.shards {
		b.flowClosed(&b.shards[i], flow)
	}
}

func (b *Bindings) flowClosed(s *shard, flow uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.flows.first(flow); e != nil; e = s.flows.first(flow) {
		was := e.binding(b.base)
		x := was
		x.Flow = 0
		s.change(e, &x, s.word(&x), b.base, true)
		b.tellLocked(e, false)
		b.newsLocked(&was, &x)
	}
}

// writeLocked records x as a binding of this node, and tells others what they
// do not know yet: nothing, when x is just a refresh. Nor is the disk told then.
func (b *Bindings) writeLocked(s *shard, x *Binding, now time.Time) {
	x.Node = b.node
	e := s.findOwn(x.User, x.Device, b.node)
	if best := s.find(x.User, x.Device); best != nil && best != e {
		x.Move = max(x.Move, best.move+1) // it came from there
		x.Since = now
	}
	if e != nil && e.device() != x.Device { // a claim to what a pointer was about
		x.Move = max(x.Move, e.move+1)
		b.removeLocked(s, e)
		e = nil
	}
	if e == nil {
		if x.Since.IsZero() {
			x.Since = now
		}
		e = s.add(x, s.word(x), b.base, true)
		b.tellLocked(e, false)
		b.changedLocked(e, nil, x)
		return
	}
	old := e.binding(b.base)
	x.Move = max(x.Move, old.Move) // others may know that one
	if x.Since.IsZero() {
		x.Since = old.Since
	}
	known := x.sharesAllOf(&old)
	if known && x.refreshes(&old) {
		s.change(e, x, e.wording(), b.base, true)
		return
	}
	s.change(e, x, s.word(x), b.base, true)
	b.tellLocked(e, known)
	if known {
		b.changed(e.key())
	} else {
		b.changedLocked(e, &old, x)
	}
}

// tellLocked has others hear of what e has become, unless they know it.
func (b *Bindings) tellLocked(e *entry, known bool) {
	if !known {
		b.watch(e.user())
	}
	b.journal.Keep(e.text[:e.at.toldEnd], int(e.at.keyEnd), known)
}

// changedLocked has this node hear of it. A claim to what is gone was nothing.
func (b *Bindings) changedLocked(e *entry, was, is *Binding) {
	b.changed(e.key())
	b.newsLocked(was, is)
}

// newsLocked has the operator hear of it.
func (b *Bindings) newsLocked(was, is *Binding) {
	if was != nil && was.Gone {
		was = nil
	}
	if was != is {
		b.news(was, is)
	}
}

// removeLocked forgets e, and tells others if it was ours.
func (b *Bindings) removeLocked(s *shard, e *entry) {
	was := e.binding(b.base)
	b.watch(was.User)
	s.remove(e)
	if was.Node == b.node {
		b.journal.Delete(e.key())
		b.changedLocked(e, &was, nil)
	}
}
