package replica

import (
	"encoding/binary"
	"errors"
)

// A delta is written as a version, the numbers, and its entries to the end. An
// entry starts with how far its version is above the last one, and two flags.
// What it has in common with the entry before it, at the start and at the end
// of key and value, is counted instead of repeated: phones of one site look
// much alike.

// A delta without a check is of version 1, one for who does not want all of 3.
const (
	codecPlain   = 1
	codecChecked = 2
	codecPart    = 3
	maxDelta     = 1 << 20                                    // bytes a sender puts into one
	maxDecoded   = maxDelta + MaxKey + MaxValue + 4*entryCost // bytes a reader accepts
)

const (
	entryDeleted = 1 << iota
	entryShared  // key and value are given by what differs
	entryFlags   = iota
)

var (
	errDelta   = errors.New("malformed delta")
	errVersion = errors.New("a delta of an unknown version")
)

// MarshalBinary returns the delta as it travels. It never fails.
func (d *Delta) MarshalBinary() ([]byte, error) { return d.AppendBinary(nil) }

// AppendBinary appends the delta as it travels. It never fails.
func (d *Delta) AppendBinary(dst []byte) ([]byte, error) {
	version := byte(codecPlain)
	switch {
	case d.Epoch != 0 || d.Base != 0:
		version = codecPart
	case d.Check != 0:
		version = codecChecked
	}
	dst = append(dst, version)
	dst = binary.AppendUvarint(dst, d.Inc)
	dst = binary.AppendUvarint(dst, d.From)
	length := (d.To - d.From) << 1
	if d.More() {
		length |= 1
	}
	dst = binary.AppendUvarint(dst, length)
	if d.More() {
		dst = binary.AppendUvarint(dst, d.Head-d.To)
	}
	dst = binary.AppendUvarint(dst, d.Floor)
	if version != codecPlain {
		dst = binary.AppendUvarint(dst, uint64(d.Check))
	}
	if version == codecPart {
		dst = binary.AppendUvarint(dst, d.Epoch)
		dst = binary.AppendUvarint(dst, d.Base)
	}
	at, before := d.From, Entry{}
	for i := range d.Entries {
		e := &d.Entries[i]
		dst = appendEntry(dst, e, &before, e.Version-at)
		at = e.Version
		before.follow(e)
	}
	return dst, nil
}

// follow makes e the example for the entry after x.
func (e *Entry) follow(x *Entry) {
	if x.Deleted {
		*e = Entry{Pair: NewPair(x.Key(), []byte(e.Value()))}
		return
	}
	*e = *x
}

func appendEntry(dst []byte, e, before *Entry, step uint64) []byte {
	head := step << entryFlags
	if e.Deleted {
		head |= entryDeleted
	}
	keyPrefix, keySuffix := common(e.Key(), before.Key())
	valuePrefix, valueSuffix := common(e.Value(), before.Value())
	shared := keyPrefix+keySuffix+valuePrefix+valueSuffix > 4 // the least that the counts take
	if shared {
		head |= entryShared
	}
	dst = binary.AppendUvarint(dst, head)
	dst = appendText(dst, e.Key(), keyPrefix, keySuffix, shared)
	if !e.Deleted {
		dst = appendText(dst, e.Value(), valuePrefix, valueSuffix, shared)
	}
	return dst
}

func appendText(dst []byte, text string, prefix, suffix int, shared bool) []byte {
	if shared {
		dst = binary.AppendUvarint(dst, uint64(prefix)) //nolint:gosec // not negative
		dst = binary.AppendUvarint(dst, uint64(suffix)) //nolint:gosec // not negative
		text = text[prefix : len(text)-suffix]
	}
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// common counts the bytes that a and b share at the start, and after these at
// the end.
func common(a, b string) (prefix, suffix int) {
	n := min(len(a), len(b))
	for prefix < n && a[prefix] == b[prefix] {
		prefix++
	}
	for suffix < n-prefix && a[len(a)-1-suffix] == b[len(b)-1-suffix] {
		suffix++
	}
	return prefix, suffix
}

// UnmarshalBinary reads a delta from another node, whose versions it checks. It
// keeps nothing of data.
func (d *Delta) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errDelta
	}
	if data[0] < codecPlain || data[0] > codecPart {
		return errVersion
	}
	r := reader{data: data[1:], text: make([]byte, 0, usualEntry)}
	x := Delta{Inc: r.number(), From: r.number()}
	length := r.number()
	x.To = x.From + length>>1
	x.Head = x.To
	if length&1 == 1 {
		x.Head += r.number()
	}
	x.Floor = r.number()
	if data[0] != codecPlain {
		check := r.number()
		r.check((check > 0 || data[0] == codecPart) && check < 1<<checkBits)
		x.Check = Check(check) //nolint:gosec // bounded
	}
	if data[0] == codecPart {
		x.Epoch, x.Base = r.number(), r.number()
		r.check(x.Epoch > 0 || x.Base > 0)
	}
	r.check(x.Inc > 0 && x.To >= x.From && (x.More() || length&1 == 0))
	size, version, before := 0, x.From, Entry{}
	for len(r.data) > 0 && !r.bad {
		e := r.next(&before, version)
		size += e.size()
		r.check(e.Version > version && e.Version <= x.To && size <= maxDecoded)
		version = e.Version
		before.follow(&e)
		x.Entries = append(x.Entries, e)
	}
	if r.bad {
		return errDelta
	}
	*d = x
	return nil
}

// A reader takes fields off the front of data. After the first that is
// malformed it returns zeros.
type reader struct {
	data []byte
	bad  bool
	text []byte // of the entry that it is in: key and value
}

// usualEntry is the room that a reader has for an entry from the start.
const usualEntry = 256

func (r *reader) check(ok bool) { r.bad = r.bad || !ok }

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.data)
	if r.check(n > 0); r.bad {
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) next(before *Entry, version uint64) (e Entry) {
	head := r.number()
	e.Version = version + head>>entryFlags
	e.Deleted = head&entryDeleted != 0
	shared := head&entryShared != 0
	r.text = r.text[:0]
	r.like(before.Key(), shared, MaxKey)
	if e.Cut = len(r.text); !e.Deleted {
		r.like(before.Value(), shared, MaxValue)
	}
	return r.entry(e)
}

// entry gives e, of which all but the text was read, its text.
func (r *reader) entry(e Entry) Entry {
	if r.bad {
		return Entry{}
	}
	e.Text = string(r.text)
	return e
}

// like reads a text, given by what it shares with before, to the text of the entry
// that r is in.
func (r *reader) like(before string, shared bool, limit uint64) {
	var prefix, suffix uint64
	if shared {
		prefix, suffix = r.number(), r.number()
	}
	own := r.number()
	have := uint64(len(before))
	r.check(own <= uint64(len(r.data)) && prefix <= have && suffix <= have-prefix)
	if r.check(!r.bad && prefix+own+suffix <= limit); r.bad {
		return
	}
	r.text = append(append(append(r.text, before[:prefix]...), r.data[:own]...), before[have-suffix:]...)
	r.data = r.data[own:]
}
