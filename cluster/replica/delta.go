package replica

// An Entry is what a Delta says about one key.
type Entry struct {
	Pair
	Version uint64
	Deleted bool
}

// A Delta is everything that incarnation Inc of a namespace says in the
// versions above From up to To, in ascending order. One that is too long is cut
// at its tail: its sender had more, or knew of more, up to Head. One with From 0 begins a whole
// copy: what is not in it, and was not deleted above Floor, is not there. Check
// is what the one who took it must have then. For a reader that does not want all it
// names its Epoch, and the Base up to which it leaves out what that one had.
type Delta struct {
	Inc, From, To, Floor, Head uint64
	Check                      Check
	Epoch, Base                uint64
	Entries                    []Entry
}

// More reports whether d was cut.
func (d *Delta) More() bool { return d.Head > d.To }

// Next returns where a reader stands who took d.
func (d *Delta) Next() Cursor { return Cursor{Inc: d.Inc, Max: d.To, Floor: d.Floor} }

// A Change is what a reader learns from a delta about one key.
type Change struct {
	Pair
	Deleted bool
}

// A Result says what became of a delta.
type Result uint8

// The results. After the last three the sender has to be told the cursor that
// comes with it.
const (
	Applied      Result = iota // taken, or kept until a whole copy is complete
	Old                        // nothing new in it
	Gap                        // something before it is missing
	NeedSnapshot               // only a whole copy helps
	Spoilt                     // only a new incarnation helps: there are two histories of this one
)

// String names the result.
func (r Result) String() string {
	return [...]string{"applied", "old", "gap", "need snapshot", "spoilt"}[r]
}

// entryCost stands for what an entry takes besides its key and value.
const entryCost = 16

func (e *Entry) size() int { return len(e.Text) + entryCost }

// Size returns what the entries of d take, as DeltaSince counts it: more than they
// take as they travel.
func (d *Delta) Size() (size int) {
	for i := range d.Entries {
		size += d.Entries[i].size()
	}
	return size
}

// Behind counts the entries that somebody at c, who wants w, lacks.
func (r *Replica) Behind(w *Wish, c Cursor) (n int) {
	from := uint64(0)
	switch {
	case r.Inc == 0 || c.Inc > r.Inc:
		return 0
	case c.Inc == r.Inc && c.goesOnFrom(r.Floor):
		from = c.Max
	}
	based := r.isBased(w, c)
	for i := range r.items[r.after(from):] {
		if x := &r.items[len(r.items)-1-i]; w.lacks(x, based) {
			n++
		}
	}
	return n
}

// lacks reports whether who wants w lacks x, which is above where he stands.
func (w *Wish) lacks(x *item, based bool) bool {
	return !x.stale && w.Filter.Matches(x.key()) && (!based || x.version > w.Base.Max || !w.Had.Matches(x.key()))
}

// DeltaSince returns what somebody at c lacks, cut after about limit bytes but
// never empty for that; false when there is nothing.
func (r *Replica) DeltaSince(c Cursor, limit int) (Delta, bool) {
	d, ok := r.DeltaFor(&Wish{}, c, limit)
	if ok && !d.More() {
		d.Check = r.Check()
	}
	return d, ok
}

// DeltaFor is DeltaSince for who wants w. It has no Check: see CheckOf. Without
// entries it only moves the cursor.
func (r *Replica) DeltaFor(w *Wish, c Cursor, limit int) (Delta, bool) {
	if r.Inc == 0 || c.Inc > r.Inc || c.Inc == r.Inc && c.Max >= r.Max {
		return Delta{}, false
	}
	d := Delta{Inc: r.Inc, To: r.Max, Floor: r.Floor, Head: max(r.Max, r.head), Epoch: w.Epoch}
	if c.Inc == r.Inc && c.goesOnFrom(r.Floor) {
		d.From = c.Max
	}
	based := r.isBased(w, c)
	if based {
		d.Base = w.Base.Max
	}
	size := 0
	for _, x := range r.items[r.after(d.From):] {
		if !w.lacks(&x, based) {
			continue
		}
		e := x.entry()
		if size += e.size(); size > min(limit, maxDelta) && len(d.Entries) > 0 {
			d.To = d.Entries[len(d.Entries)-1].Version
			break
		}
		d.Entries = append(d.Entries, e)
	}
	return d, true
}

// Offer returns a delta that says nothing but how far r has come: a reader that
// is behind will answer it with its cursor.
func (r *Replica) Offer() Delta {
	return Delta{Inc: r.Inc, From: r.Max, To: r.Max, Floor: min(r.Floor, r.Max), Head: r.Max, Check: r.Check()}
}

// Apply takes a delta as a reader. It returns what changed, and the cursor that
// the next delta is to go on from.
func (r *Replica) Apply(d Delta) ([]Change, Result, Cursor) {
	changes, result := r.apply(&d)
	if r.staged != nil && r.outdoes(Cursor{r.staged.Inc, r.goal, r.staged.Floor}) {
		r.staged = nil // it will not be more, however much of it comes
	}
	if result == Applied && r.contradicts(r.rumour) {
		r.spoilt, result = r.Inc, Spoilt
	}
	return changes, result, r.Awaits()
}

// Awaits returns the cursor that the next delta is to go on from.
func (r *Replica) Awaits() Cursor {
	switch known := r.Known(); {
	case r.staged != nil:
		return r.staged.Cursor
	case r.lacks && known == r.Cursor():
		return Cursor{Inc: r.Inc, Floor: r.Floor}
	default:
		return known
	}
}

func (r *Replica) apply(d *Delta) ([]Change, Result) {
	if d.Epoch != r.epoch {
		return nil, Old
	}
	r.doubt(d)
	switch {
	case d.Inc >= r.Inc && d.Inc <= r.spoilt:
		return nil, Spoilt
	case d.Inc < r.Inc || !r.lacks && r.hasAll(d):
		return nil, Old
	case r.mixes(d) && d.Base != 0: // a copy that leaves out nothing comes first
		return nil, Old
	case !r.lacks && r.takes(d):
		r.head = max(r.head, d.Head)
		return r.take(d), Applied
	case r.staged != nil && !r.mixes(d) && (d.Inc < r.staged.Inc || r.staged.hasAll(d)):
		return nil, Old
	case r.staged != nil && !r.mixes(d) && r.staged.takes(d):
		return r.stage(d)
	case r.begins(d):
		fresh := newState(Cursor{Inc: d.Inc, Floor: d.Floor})
		r.staged, r.goal, r.base = &fresh, 0, d.Base
		return r.stage(d)
	case d.Inc == r.Inc && r.goesOnFrom(d.Floor) || r.staged != nil && d.Inc == r.staged.Inc && r.staged.goesOnFrom(d.Floor):
		return nil, Gap
	}
	return nil, NeedSnapshot
}

func (s *state) hasAll(d *Delta) bool {
	return d.Inc == s.Inc && d.To <= s.Max && s.goesOnFrom(d.Floor)
}

// takes reports whether d goes on where s ends.
func (s *state) takes(d *Delta) bool {
	return d.Inc == s.Inc && d.From <= s.Max && s.Max < d.To && s.goesOnFrom(d.Floor)
}

func (s *state) take(d *Delta) (changes []Change) {
	for i := range d.Entries {
		e := &d.Entries[i]
		if e.Version > s.Max && s.put(e) {
			changes = append(changes, Change{Pair: e.Pair, Deleted: e.Deleted})
		}
	}
	s.Max = d.To
	s.forget(d.Floor)
	return changes
}

// stage adds d to the whole copy that is arriving, and puts that in the place
// of what r has once it is complete: before, it lacks keys that will come. It
// is complete when it reaches as far as everybody who gave a part of it: a key
// that is missing in one part because it had been written again, later, is not
// in a part from somebody who is behind.
func (r *Replica) stage(d *Delta) ([]Change, Result) {
	r.staged.take(d)
	r.goal = max(r.goal, d.Head, r.staged.Floor)
	switch {
	case r.staged.Max < r.goal || r.outdoes(r.staged.Cursor):
		return nil, Applied
	}
	whole := *r.staged
	if r.base != 0 {
		whole = r.with(r.staged)
	}
	if d.Check != 0 && whole.check() != d.Check { // its parts are of two histories
		r.spoilt, r.staged = d.Inc, nil
		return nil, Spoilt
	}
	old := r.state
	r.state, r.staged, r.head, r.lacks = whole, nil, r.goal, false
	return r.differences(&old), Applied
}

// differences returns what r says otherwise than old, in the order of versions,
// after what it does not say any more.
func (r *Replica) differences(old *state) (changes []Change) {
	for _, x := range old.items {
		if x.stale || x.deleted {
			continue
		}
		if _, ok := r.Get(x.key()); !ok {
			changes = append(changes, Change{Pair: Pair{Text: x.key(), Cut: int(x.cut)}, Deleted: true})
		}
	}
	for _, x := range r.items {
		if x.stale || x.deleted {
			continue
		}
		if before := old.find(x.key()); before == nil || before.deleted || before.text != x.text {
			changes = append(changes, Change{Pair: x.pair()})
		}
	}
	return changes
}
