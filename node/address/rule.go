package address

import (
	"bytes"
	"time"
)

// The times of the rule. RFC 5227 probes with a second and more between, which
// is too long for phones that wait; the number of probes is its.
const (
	beat          = 250 * time.Millisecond // of probes, and of looking at all
	unanswered    = 3                      // probes before the address is taken
	lifetime      = 2 * time.Second        // that the kernel is told; it lives that much longer than the process
	renewal       = 500 * time.Millisecond
	tooLate       = 1500 * time.Millisecond // to renew: the kernel may have dropped the address
	announcing    = 2 * time.Second
	announcements = 2                // at the beginning (RFC 5227 section 2.3)
	defending     = time.Second      // at most one answer to another's claim
	rest          = 10 * time.Second // after a failure
	modesty       = 12               // beats in which a modest node leaves the address to others
	wooed         = time.Second      // is a holder whom another node has asked since
	yielding      = time.Minute      // between two times that a modest holder gives it up: nobody else may be able
)

// A mac is the hardware address of a node on the LAN, which tells nodes apart
// there and orders them.
type mac [6]byte

func (m mac) before(other mac) bool { return bytes.Compare(m[:], other[:]) < 0 }

// A sighting is what somebody on the LAN has said of the address.
type sighting struct {
	from   mac
	claims bool // that he has it; otherwise he asks whether anybody has, to take it himself
}

// acts are what the rule has its caller do, in this order.
type acts uint8

const (
	give     acts = 1 << iota // stop using the address
	take                      // begin using it
	renew                     // have the kernel keep it
	announce                  // tell the LAN who has it
	probe                     // ask the LAN who has it
)

// A rule decides whether this node holds the address, on values alone: it is told
// the time, whether the line is plugged, and what others say.
//
// Who holds it keeps it. Who does not asks; when nobody answers three times, he
// takes it. Of two that ask at the same time, and of two that hold it after
// their LAN was in two parts, the lower hardware address goes first. Who is modest
// gives it up to others that ask, and asks himself only when they leave it.
type rule struct {
	self   mac
	modest bool // others should rather have it: this node is drained

	held      bool
	renewed   time.Time
	announced time.Time
	owed      int // announcements of the beginning

	silent int // probes in a row that nobody has answered; below zero, beats to wait before the first
	holder mac // who has claimed the address last; zero for nobody

	asked   time.Time // when another node has asked last, while this one held it
	yielded time.Time // when it was given up for others
}

// tick decides what there is to do now, each beat.
func (r *rule) tick(now time.Time, able bool) acts {
	switch {
	case !able:
		return r.drop()
	case r.late(now):
		return r.drop()
	case r.yields(now):
		r.yielded = now
		return r.drop()
	case r.held:
		return r.keep(now)
	case r.silent >= unanswered:
		r.held, r.renewed, r.announced, r.owed, r.holder = true, now, now, announcements-1, mac{}
		return take | announce
	case r.silent < 0 && r.modest:
		r.silent++
		return 0
	}
	r.silent = max(r.silent, 0) + 1
	return probe
}

// yields reports whether the address is to be left to another node, which is there
// and asks for it.
func (r *rule) yields(now time.Time) bool {
	return r.modest && r.held && now.Sub(r.asked) < wooed && now.Sub(r.yielded) >= yielding
}

// restart has the node ask from the beginning.
func (r *rule) restart() {
	r.silent = 0
	if r.modest {
		r.silent = -modesty
	}
}

// late reports whether this process stood still for so long that the kernel may
// have dropped the address, and another node taken it.
func (r *rule) late(now time.Time) bool { return r.held && now.Sub(r.renewed) >= tooLate }

// drop gives the address up if it is held, and starts from the beginning.
func (r *rule) drop() acts {
	was := r.held
	r.held = false
	r.restart()
	if was {
		return give
	}
	return 0
}

func (r *rule) keep(now time.Time) (do acts) {
	if now.Sub(r.renewed) >= renewal-beat/2 {
		do |= renew
	}
	if r.owed > 0 || now.Sub(r.announced) >= announcing {
		r.owed, r.announced = max(0, r.owed-1), now
		do |= announce
	}
	return do
}

// kept notes that the address has its lifetime again, from the time before the
// kernel was told.
func (r *rule) kept(now time.Time) { r.renewed = now }

// ask returns whom the next probe is for: the last holder, so that the LAN is
// not disturbed, and when he is silent everybody.
func (r *rule) ask() mac {
	if r.silent == 1 {
		return r.holder
	}
	return mac{}
}

// heard decides what to do about what another machine has said.
func (r *rule) heard(now time.Time, s sighting) acts {
	switch {
	case s.from == r.self:
		return 0
	case r.late(now), s.claims && r.held && s.from.before(r.self):
		return r.drop()
	case s.claims && r.held && now.Sub(r.announced) >= defending:
		r.announced = now
		return announce
	case s.claims && !r.held:
		r.holder = s.from
		r.restart()
	case !s.claims && r.held:
		r.asked = now
	case !s.claims && s.from.before(r.self):
		r.restart()
	}
	return 0
}
