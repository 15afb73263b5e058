package live

import "time"

// This file is about what is said for a fixed time, by who cannot be asked again: a
// program over HTTP, an administrator.

// Withdraw has the source id say nothing of user any more, whichever node it told and
// whether or not this one has heard of that: the word is kept for as long as anything that
// was said before it may last.
func (p *Presences) Withdraw(user, id string, now time.Time) error {
	_, err := p.Put(Presence{User: user, ID: id, Gone: true, Fixed: true, Expires: mostLifetime}, now)
	return err
}

// endOfLocked returns when what another node says ends though that node says nothing; zero:
// it says when. To be told of it again, by a picture of the whole, does not prolong it.
func (p *Presences) endOfLocked(who *person, x *Presence, now time.Time) time.Time {
	if !x.Fixed {
		return time.Time{}
	}
	end := now.Add(x.Expires)
	if was := who.find(x.ID, x.Node); was != nil && was.Stamp == x.Stamp && !was.ends.IsZero() {
		end = was.ends
	}
	p.expectLocked(end)
	return end
}
