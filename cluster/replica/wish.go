package replica

// A reader need not keep a whole namespace. What it wants is a part of its cursor:
//
//   - Narrowing gives up what is not wanted any more, at once; the cursor stays.
//   - Widening begins a new epoch with a copy that leaves out what the reader has: of
//     that it remembers the filter and the cursor, which stands still meanwhile. When
//     the copy is complete it is joined with what was there. Who wants all again takes
//     a whole copy.
//   - A delta says for which epoch it was made. One of another is nothing to the
//     reader: it was made for somebody who wanted something else.
//   - A cursor passes over what does not match; deletions of that are not told.
//
// Who does not keep all passes nothing on.

// A Wish is what a reader wants of a namespace, besides where it stands. The zero
// Wish wants all.
type Wish struct {
	Epoch  uint64 // 0 for all
	Filter Filter
	Had    Filter // what it has already up to Base, which is zero when that is nothing
	Base   Cursor
}

// Want says which keys r, a reader, is to keep from now on. If that is not what it
// wants already, a new epoch begins, which was never one of this reader's; for all
// keys it is 0, since what is made for all is good for who wants all. It returns what
// r gives up.
func (r *Replica) Want(f Filter, epoch uint64) (gone []Change) {
	if f.Equal(r.filter) {
		return nil
	}
	has := r.filter
	if r.lacks {
		has = r.had
	}
	r.filter, r.epoch, r.staged = f, epoch, nil
	r.had = has.And(f)
	r.lacks = r.Max != 0 && !r.had.Covers(f)
	return r.keep(r.had)
}

// Wish returns what r wants, as it has to be told to who sends it.
func (r *Replica) Wish() Wish {
	w := Wish{Epoch: r.epoch, Filter: r.filter}
	if r.lacks && r.epoch != 0 { // the epoch of all is never new: nobody could tell which base a copy has
		w.Had, w.Base = r.had, r.Cursor()
	}
	return w
}

// Complete reports whether r has all that it wants, up to its cursor.
func (r *Replica) Complete() bool { return !r.lacks }

// keep forgets all keys that f does not want.
func (r *Replica) keep(f Filter) (gone []Change) {
	kept := newState(r.Cursor())
	for i := range r.items {
		switch x := &r.items[i]; {
		case x.stale:
		case f.Matches(x.key()):
			e := x.entry()
			kept.put(&e)
		case !x.deleted:
			gone = append(gone, Change{Pair: Pair{Text: x.key(), Cut: int(x.cut)}, Deleted: true})
		}
	}
	r.state = kept
	return gone
}

// isBased reports whether somebody at c, who wants w, gets a copy without what he
// has.
func (r *Replica) isBased(w *Wish, c Cursor) bool {
	return c.Inc == r.Inc && w.Base.Inc == r.Inc && c.Max < w.Base.Max && w.Base.goesOnFrom(r.Floor)
}

// mixes reports whether d belongs to another copy than the one that is arriving:
// one leaves out what the other has.
func (r *Replica) mixes(d *Delta) bool {
	return r.staged != nil && d.Inc == r.staged.Inc && d.Base != r.base && d.From < max(d.Base, r.base)
}

// begins reports whether d is the first of a whole copy that r can use.
func (r *Replica) begins(d *Delta) bool {
	return d.From == 0 && (d.Base == 0 || r.lacks && r.epoch != 0 && d.Inc == r.Inc && d.Base == r.Max)
}

// outdoes reports whether r has no use for a copy that reaches to c.
func (r *Replica) outdoes(c Cursor) bool {
	known := r.Known().Compare(c)
	return known > 0 || known == 0 && !r.lacks
}

// with returns s and, on top of it, what t, a copy that left out what is in s, has.
func (s *state) with(t *state) state {
	all := newState(Cursor{Inc: t.Inc, Max: t.Max})
	for i, j := 0, 0; i < len(s.items) || j < len(t.items); {
		var x *item
		if j == len(t.items) || i < len(s.items) && s.items[i].version < t.items[j].version {
			x, i = &s.items[i], i+1
		} else {
			x, j = &t.items[j], j+1
		}
		if !x.stale {
			e := x.entry()
			all.put(&e)
		}
	}
	all.forget(t.Floor)
	return all
}

// CheckOf is Check for a reader that wants f alone. It looks at all keys.
func (r *Replica) CheckOf(f Filter) Check {
	if f.All() || r.Check() == 0 {
		return r.Check()
	}
	var part state
	for i := range r.items {
		if x := &r.items[i]; !x.stale && f.Matches(x.key()) {
			part.count(x, 1)
		}
	}
	return part.check()
}
