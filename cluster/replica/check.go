package replica

// A Check stands for all keys that are set, with their values and versions: two
// replicas at one cursor that are not of one history have, all but certainly,
// different ones. The history of an owner forks when its machine is rolled back
// and goes on, under the incarnation and the versions that others have seen used
// for something else. No cursor shows that. The zero Check is not known.
//
// Who finds two histories of an incarnation calls it spoilt: he takes nothing more
// of it, and says so to whoever sends it, as if he knew more than anybody. By and
// by the owner hears of it, and begins a new one.
type Check uint32

// Check returns the check of what r has. It is not known for a reader that has
// heard of later versions: it may lack what these have replaced.
func (r *Replica) Check() Check {
	if r.spoilt >= r.Inc || r.head > r.Max {
		return 0
	}
	return r.check()
}

// checkBits is what three bytes of a varint hold: the next delta is another chance.
const checkBits = 21

func (s *state) check() Check { return Check(s.sum>>(64-checkBits)) | 1 }

// count adds e to what the check is made of, or takes it out.
func (s *state) count(e *item, sign int) {
	if e.deleted {
		return
	}
	s.live += sign
	if sign < 0 {
		s.sum -= e.sum()
	} else {
		s.sum += e.sum()
	}
}

// sum is FNV-1a of the entry, mixed once more at the end: sums that are added up
// must not differ by what the last letters do.
func (e *item) sum() uint64 {
	h := fnv(fnv((fnvBasis^e.version)*fnvPrime, e.key()), e.value())
	h = (h ^ h>>33) * mixPrime
	return h ^ h>>33
}

const (
	fnvBasis = 14695981039346656037
	fnvPrime = 1099511628211
	mixPrime = 0xff51afd7ed558ccd
)

func fnv(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return (h ^ uint64(len(text))) * fnvPrime
}

// doubt finds out whether d, which ends where its sender does, and r are of one
// history.
func (r *Replica) doubt(d *Delta) {
	if d.Check == 0 || r.lacks || d.Inc != r.Inc || r.head > d.To || r.spoilt >= r.Inc {
		return
	}
	if r.takes(d) && r.checkWith(d) != d.Check || d.To == r.Max && r.check() != d.Check {
		r.spoilt, r.staged = r.Inc, nil
	}
}

// checkWith is what check will be when d is taken.
func (s *state) checkWith(d *Delta) Check {
	after := state{sum: s.sum}
	for i := range d.Entries {
		x := &d.Entries[i]
		if x.Version <= s.Max {
			continue
		}
		if e := s.find(x.Key()); e != nil {
			after.count(e, -1)
		}
		after.count(&item{text: x.Text, cut: uint16(x.Cut), version: x.Version, deleted: x.Deleted}, 1) //nolint:gosec // it fits
	}
	return after.check()
}
