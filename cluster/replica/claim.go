package replica

import "math"

// A Claim is how much somebody says that he has of a namespace.
//
// If it is more than the owner ever wrote, the owner has lost its memory. When all who
// hear the owner have lost theirs too, only a reader who does not talk to it can know.
// So who passes on what the owner says keeps the largest claim, the rumour, until it
// has as much itself, and meanwhile says so to the owner.
type Claim struct {
	Cursor
	Check  Check // of what he wants; 0: not known
	Filter Filter
}

// Known is what a reader says that it has. Of a spoilt incarnation it has more
// than there can be.
func (r *Replica) Known() Cursor {
	if r.spoilt > 0 && r.spoilt >= r.Inc {
		return Cursor{Inc: r.spoilt, Max: math.MaxUint64}
	}
	return r.Cursor()
}

// Outranked reports whether a reader has what r, its owner, never wrote: the owner
// lost its memory, and must Renew above x.Inc.
func (r *Replica) Outranked(x Claim) bool { return x.exceeds(r.Cursor()) || r.contradicts(x) }

// Hear has r, who is no owner, take note of what somebody says that he has. It reports
// whether that shows that an incarnation is spoilt, which was not known.
func (r *Replica) Hear(x Claim) (spoilt bool) {
	told := x.Max == math.MaxUint64 && x.Inc >= r.Inc
	switch {
	case x.Inc > r.spoilt && (told || r.contradicts(x)):
		r.spoilt, r.staged = x.Inc, nil
		return true
	case x.Max != math.MaxUint64 && x.exceeds(r.rumour.Cursor):
		r.rumour = x
	}
	return false
}

// Rumour returns the most that r has heard that somebody has, if that is more than
// it has.
func (r *Replica) Rumour() (x Claim, ok bool) { return r.rumour, r.rumour.exceeds(r.Known()) }

// contradicts reports whether somebody who is where r is has something else there.
func (r *Replica) contradicts(x Claim) bool {
	if x.Inc != r.Inc || x.Max != r.Max || x.Check == 0 {
		return false
	}
	own := r.CheckOf(x.Filter)
	return own != 0 && x.Check != own
}

// exceeds reports whether there is more at c than at d, what was forgotten aside.
func (c Cursor) exceeds(d Cursor) bool { return c.Inc > d.Inc || c.Inc == d.Inc && c.Max > d.Max }
