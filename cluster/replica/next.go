package replica

import "encoding/binary"

// A delta that begins just where the one before it ended, on a connection that
// keeps order, is written without what the reader knows: how many versions it
// spans, with two flags, and its entries to the end. An entry starts with how far
// its version is above the last one, and two flags. A key that the reader has is
// named by the version at which it has it, counted back from where the delta
// begins, and its value is told as what differs from the one that it had. Another
// key differs from the entry before it; the first, where the delta says so, from
// what the reader was told last.

const (
	nextCut   = 1 << iota // how much more there is follows
	nextLike              // the first entry has an example
	spanFlags = iota
)

const (
	nextDeleted = 1 << iota
	nextKnown   // the reader has had the key with a value
	nextFlags   = iota
)

// AppendNext appends d, which r.DeltaSince has just returned for a reader at
// from, as it travels to who has all before it. It is false, and appends
// nothing, when d has to travel whole.
func (r *Replica) AppendNext(dst []byte, d *Delta, from Cursor) ([]byte, bool) {
	n := len(d.Entries)
	if d.Epoch != 0 || d.Base != 0 || d.Inc != from.Inc || d.From != from.Max || d.Floor != from.Floor || n == 0 || d.Entries[n-1].Version != d.To {
		return dst, false
	}
	span, before := (d.To-d.From)<<spanFlags, Entry{}
	if like := r.at(from); like != nil {
		span, before = span|nextLike, like.entry()
	}
	if d.More() {
		dst = binary.AppendUvarint(dst, span|nextCut)
		dst = binary.AppendUvarint(dst, d.Head-d.To)
	} else {
		dst = binary.AppendUvarint(dst, span)
	}
	version := d.From
	for i := range d.Entries {
		e := &d.Entries[i]
		dst = r.appendNext(dst, e, &before, e.Version-version, d.From)
		version = e.Version
		before.follow(e)
	}
	return dst, true
}

func (r *Replica) appendNext(dst []byte, e, before *Entry, step, from uint64) []byte {
	head := step << nextFlags
	if e.Deleted {
		head |= nextDeleted
	}
	was, example := r.past.of(e.Key(), r.hash(e.Key())), before.Value()
	if was != nil && was.version <= from {
		dst = binary.AppendUvarint(dst, head|nextKnown)
		dst = binary.AppendUvarint(dst, from-was.version)
		example = was.value()
	} else {
		dst = binary.AppendUvarint(dst, head)
		dst = appendDiff(dst, before.Key(), e.Key())
	}
	if e.Deleted {
		return dst
	}
	return appendDiff(dst, example, e.Value())
}

// ReadNext reads what AppendNext has written for a reader of r, whose last delta
// on this connection ended at from; a nil r has had nothing. If known is false, r has
// not had all before it, or has it of another history: the delta is without entries then, and its sender
// has to be told where r is.
func (r *Replica) ReadNext(data []byte, from Cursor) (d Delta, known bool, err error) {
	in := reader{data: data, text: make([]byte, 0, usualEntry)}
	span := in.number()
	d = Delta{Inc: from.Inc, From: from.Max, To: from.Max + span>>spanFlags, Floor: from.Floor}
	d.Head = d.To
	if span&nextCut != 0 {
		d.Head += in.number()
	}
	if in.check(d.To > d.From && d.Head >= d.To); in.bad {
		return Delta{}, false, errDelta
	}
	before := Entry{}
	if span&nextLike != 0 {
		like := r.at(from)
		if like == nil {
			return d, false, nil
		}
		before = like.entry()
	}
	return r.readNext(&in, d, before)
}

func (r *Replica) readNext(in *reader, d Delta, before Entry) (_ Delta, known bool, err error) {
	size, version := 0, d.From
	for len(in.data) > 0 && !in.bad {
		e, known := r.readEntry(in, &before, version, &d)
		if !known {
			d.Entries = nil
			return d, false, nil
		}
		size += e.size()
		in.check(e.Version > version && e.Version <= d.To && size <= maxDecoded)
		version = e.Version
		before.follow(&e)
		d.Entries = append(d.Entries, e)
	}
	if in.check(version == d.To); in.bad { // what it differs from may be of another history
		d.Entries = nil
		return d, false, nil
	}
	return d, true, nil
}

func (r *Replica) readEntry(in *reader, before *Entry, version uint64, d *Delta) (e Entry, known bool) {
	head := in.number()
	e = Entry{Version: version + head>>nextFlags, Deleted: head&nextDeleted != 0}
	value := before.Value()
	in.text = in.text[:0]
	if head&nextKnown != 0 {
		was := r.at(Cursor{Inc: d.Inc, Max: d.From - in.number()})
		if was == nil {
			return e, in.bad
		}
		in.text, value = append(in.text, was.key()...), was.value()
	} else {
		in.diff(before.Key(), MaxKey)
	}
	e.Cut = len(in.text)
	if !e.Deleted {
		in.diff(value, MaxValue)
	}
	return in.entry(e), true
}

// at returns the entry that was set at a version of an incarnation and has not
// changed since; nil if there is none.
func (r *Replica) at(c Cursor) *item {
	if r == nil || c.Inc != r.Inc {
		return nil
	}
	i := r.after(c.Max)
	if i == 0 {
		return nil
	}
	at := &r.items[i-1]
	if at.version != c.Max || at.stale || at.deleted {
		return nil
	}
	return at
}
