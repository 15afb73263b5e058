package live

import "time"

// UsersOn reports whether user is registered on a flow of this node.
func (b *Bindings) UsersOn(flow uint64, user string) bool {
	_, ok := b.OnFlow(flow, user)
	return ok
}

// OnFlow returns the binding that user has on a flow of this node.
func (b *Bindings) OnFlow(flow uint64, user string) (Binding, bool) {
	if flow == 0 {
		return Binding{}, false
	}
	s, now := b.shard(user), time.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e := s.users.first(user); e != nil; e = e.another() {
		if e.flow == flow && e.node() == b.node && !b.ended(e, now) {
			return e.binding(b.base), true
		}
	}
	return Binding{}, false
}

// HasFlow reports whether anybody is registered on a connection of this node.
// It knows nothing of UDP.
func (b *Bindings) HasFlow(flow uint64) bool {
	now := time.Now()
	for i := range b.shards {
		if b.hasFlow(&b.shards[i], flow, now) {
			return true
		}
	}
	return false
}

// OnlyUser returns the one user who is registered on a connection of this node;
// false when there is none, or several. It knows nothing of UDP.
func (b *Bindings) OnlyUser(flow uint64) (user string, ok bool) {
	now := time.Now()
	for i := range b.shards {
		for _, found := range b.usersOn(&b.shards[i], flow, now) {
			if ok && found != user {
				return "", false
			}
			user, ok = found, true
		}
	}
	return user, ok
}

func (b *Bindings) usersOn(s *shard, flow uint64, now time.Time) (users []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e := s.flows.first(flow); e != nil; e = e.onSameFlow() {
		if !b.ended(e, now) {
			users = append(users, e.binding(b.base).User)
		}
	}
	return users
}

func (b *Bindings) hasFlow(s *shard, flow uint64, now time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e := s.flows.first(flow); e != nil; e = e.onSameFlow() {
		if !b.ended(e, now) {
			return true
		}
	}
	return false
}

// Refused notes that a phone whose flow is lost did not accept a connection
// either: it is not worth asking again until it comes back.
func (b *Bindings) Refused(user, device string) {
	s := b.shard(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(user, device); e != nil && e.flow == 0 {
		e.refused = true
	}
}
