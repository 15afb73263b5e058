package link

// A window remembers which numbers came, so that each is taken once. Numbers
// may arrive up to windowSize behind the highest. The zero value is empty.
type window struct {
	top  uint64 // one above the highest number taken
	bits [windowSize / 64]uint64
}

const windowSize = 1024

// take says whether the number is new, and marks it.
func (w *window) take(number uint64) bool {
	switch {
	case number >= w.top:
		w.slide(number + 1)
	case number+windowSize < w.top:
		return false
	}
	word, bit := number/64%uint64(len(w.bits)), uint64(1)<<(number%64)
	if w.bits[word]&bit != 0 {
		return false
	}
	w.bits[word] |= bit
	return true
}

// slide forgets the numbers that fall out.
func (w *window) slide(top uint64) {
	if top-w.top >= windowSize {
		w.bits = [windowSize / 64]uint64{}
	} else {
		for n := w.top; n < top; n++ {
			w.bits[n/64%uint64(len(w.bits))] &^= 1 << (n % 64)
		}
	}
	w.top = top
}
