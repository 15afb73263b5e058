package live

import "time"

// This file answers who asks for the presence of a user.

// Of returns what is told of user. Its tuples must not be changed. Who asks is told
// by Watch of what changes from then on, if he asks again within half an hour.
func (p *Presences) Of(user string) State {
	now := time.Now()
	if is, known := p.ask(user, now); known {
		return is
	}
	p.mu.Lock()
	p.personLocked(user)
	p.mu.Unlock()
	p.derive(user, now)
	is, _ := p.ask(user, now)
	return is
}

func (p *Presences) ask(user string, now time.Time) (is State, known bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	x := p.people[user]
	if x == nil {
		return State{}, false
	}
	x.asked.Store(now.Unix())
	return x.state, true
}

// Look returns what Of does, and all that counts of what is known of user, what counts
// most first, merged or not. Who looks is not told of changes.
func (p *Presences) Look(user string) (told State, said []Presence) {
	all := p.derived.of(user)
	p.mu.RLock()
	defer p.mu.RUnlock()
	x := p.people[user]
	if x == nil {
		return p.settings.State(all), p.settings.Ranked(all)
	}
	return x.state, p.settings.Ranked(p.heardLocked(x, time.Now()))
}
