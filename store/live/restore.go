package live

import "time"

// Restore puts back a binding that this node had before it was restarted. A
// UDP phone can be reached at once, for one more lifetime; another has lost its
// connection, and is known but down until it comes back. OnChange's function is
// not called. It may go on while phones register: who has come back, or has taken
// a registration back, is left alone, and Restore returns false.
func (b *Bindings) Restore(x Binding) bool {
	if x.textSize() > maxText {
		return false
	}
	s := b.shard(x.User)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, forgone := s.forgone[x.User]; forgone || s.knows(&x) {
		return false
	}
	x.Node, x.Expires = b.node, time.Now().Add(x.Granted)
	if x.isStream() {
		x.Flow = 0
	}
	b.tellLocked(s.add(&x, s.word(&x), b.base, true), false)
	return true
}

// knows reports whether the phone of x is in the table: the same device, or one
// that was restarted and has another name at the same place.
func (s *shard) knows(x *Binding) bool {
	for e := s.users.first(x.User); e != nil; e = e.another() {
		place := e.contact() == x.Contact && e.source(e.common.Value().transport) == x.Source
		if !e.lost && (x.Names(e.device()) || place) {
			return true
		}
	}
	return false
}

// Forgo says that a phone of user takes its registration back: what Restore has
// not put back yet of the user's is not wanted. The user's other phones are known
// again when they register, as they do each minute. After Restored it does
// nothing.
func (b *Bindings) Forgo(user string) {
	if b.restored.Load() {
		return
	}
	s := b.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgone == nil {
		s.forgone = make(map[string]struct{})
	}
	s.forgone[user] = struct{}{}
}

// Restored says that Restore will not be called any more.
func (b *Bindings) Restored() {
	b.restored.Store(true)
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		s.forgone = nil
		s.mu.Unlock()
	}
}
