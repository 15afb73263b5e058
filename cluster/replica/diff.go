package replica

import "encoding/binary"

// A text that is much like one that the reader has is written as what differs.
// A difference says how many bytes stay before it, plus one; in one byte how many
// go, by its upper half, and how many come; and those that come. After the last
// one is a zero: the rest stays.

const (
	agree    = 4  // bytes that agree end a difference: fewer are not worth what a next one costs
	farApart = 24 // bytes that a difference is searched to take away and to add
	mostDiff = 16 // differences; what is left then is one more
	half     = 15 // a half byte that says that what is above it follows
)

// appendDiff appends what makes is of was.
func appendDiff(dst []byte, was, is string) []byte {
	for i := range mostDiff + 1 {
		same, _ := common(is, was)
		if same == len(was) && same == len(is) {
			break
		}
		was, is = was[same:], is[same:]
		gone, come, ok := nextAgreement(was, is)
		if !ok || i == mostDiff {
			_, rest := common(is, was)
			gone, come = len(was)-rest, len(is)-rest
		}
		dst = binary.AppendUvarint(dst, uint64(same)+1)             //nolint:gosec // not negative
		dst = append(dst, byte(min(gone, half)<<4|min(come, half))) //nolint:gosec // two half bytes
		for _, n := range [...]int{gone, come} {
			if n >= half {
				dst = binary.AppendUvarint(dst, uint64(n-half))
			}
		}
		dst = append(dst, is[:come]...)
		was, is = was[gone:], is[come:]
	}
	return append(dst, 0)
}

// nextAgreement returns how many bytes were and are at the start of two texts
// that differ, up to where they agree again: the fewest. It is false when that is
// far away.
func nextAgreement(was, is string) (gone, come int, ok bool) {
	for both := 1; both <= 2*farApart; both++ {
		for gone = max(0, both-len(is)); gone <= min(both, len(was)); gone++ {
			come = both - gone
			a, b := was[gone:], is[come:]
			if a[:min(agree, len(a))] == b[:min(agree, len(b))] {
				return gone, come, true
			}
		}
	}
	return 0, 0, false
}

// diff reads what appendDiff has written and appends what it makes of was, limit
// bytes at most, to the text of the entry that r is in.
func (r *reader) diff(was string, limit int) {
	limit += len(r.text)
	for n := r.number(); n > 0; n = r.number() {
		same := n - 1
		halves := uint64(r.byte())
		gone, come := r.rest(halves>>4), r.rest(halves&half)
		left := uint64(len(was))
		r.check(same <= left && gone <= left-same && come <= uint64(len(r.data)))
		if r.check(!r.bad && uint64(len(r.text))+same+come <= uint64(limit)); r.bad { //nolint:gosec // not negative
			return
		}
		r.text = append(append(r.text, was[:same]...), r.data[:come]...)
		was, r.data = was[same+gone:], r.data[come:]
	}
	if r.check(len(r.text)+len(was) <= limit); r.bad {
		return
	}
	r.text = append(r.text, was...)
}

func (r *reader) byte() byte {
	if r.check(len(r.data) > 0); r.bad {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

// rest completes a number of which half a byte was read.
func (r *reader) rest(n uint64) uint64 {
	if n < half {
		return n
	}
	more := r.number()
	r.check(more <= maxDecoded)
	return n + more
}
