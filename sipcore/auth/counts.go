package auth

import "sync/atomic"

// counts remembers how often each of the latest nonces was used, so that an
// overheard answer cannot be sent again (RFC 7616 section 3.4, nc). It is a
// ring: a nonce's number says where its slot is, so that nothing is stored when
// a nonce is handed out and nothing has to be evicted. A nonce that has left
// the ring, under a flood, just is not fresh any more.
//
// A slot is one word: 16 bits of the nonce's lap around the ring, 16 bits of
// the highest nc seen, and 32 bits that tell which of the 32 nc up to the
// highest were seen, because requests over UDP overtake each other.
type counts struct {
	slots [ringSize]atomic.Uint64
}

const (
	ringBits = 16
	ringSize = 1 << ringBits
	window   = 32
	maxNC    = 1<<16 - 1
)

type slot struct {
	lap, highest uint16
	seen         uint32
}

func unpack(word uint64) slot {
	return slot{lap: uint16(word >> 48), highest: uint16(word >> 32), seen: uint32(word)} //nolint:gosec // parts of the word
}

func (s slot) pack() uint64 {
	return uint64(s.lap)<<48 | uint64(s.highest)<<32 | uint64(s.seen)
}

// use reports whether the nonce of that number may be used with nc, and notes
// that it was. newest is the number of the nonce made last.
func (c *counts) use(number, newest, nc uint32) bool {
	if newest-number >= ringSize || nc == 0 || nc > maxNC {
		return false
	}
	word := &c.slots[number%ringSize]
	for {
		old := word.Load()
		next, ok := unpack(old).use(uint16(number>>ringBits), uint16(nc))
		if !ok {
			return false
		}
		if word.CompareAndSwap(old, next.pack()) {
			return true
		}
	}
}

// use returns the slot after nc was used with the nonce of that lap.
func (s slot) use(lap, nc uint16) (next slot, ok bool) {
	if s.lap != lap {
		s = slot{lap: lap} // of an older nonce: newer ones are in the next slots
	}
	switch {
	case nc > s.highest:
		s.seen = s.seen<<min(nc-s.highest, window) | 1
		s.highest = nc
		return s, true
	case s.highest-nc >= window:
		return s, false
	}
	bit := uint32(1) << (s.highest - nc)
	if s.seen&bit != 0 {
		return s, false
	}
	s.seen |= bit
	return s, true
}
