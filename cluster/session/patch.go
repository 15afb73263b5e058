package session

import "encoding/binary"

// A patch makes of one text another that is much like it, wherever they differ. It is
// pieces to the end: how many bytes come, those, and then how many are copied from
// where in the old text; the last may copy none.

// patchBlock is how many bytes must agree for the place to be found.
const patchBlock = 32

// makePatch returns what apply makes text of old with.
func makePatch(old, text []byte) (patch []byte) {
	places := make(map[string]int, len(old)/patchBlock)
	for at := 0; at+patchBlock <= len(old); at += patchBlock {
		places[string(old[at:at+patchBlock])] = at
	}
	came := 0 // text before it is told
	for i := 0; i+patchBlock <= len(text); {
		at, found := places[string(text[i:i+patchBlock])]
		if !found {
			i++
			continue
		}
		for ; i > came && at > 0 && text[i-1] == old[at-1]; i, at = i-1, at-1 {
		}
		n := patchBlock
		for i+n < len(text) && at+n < len(old) && text[i+n] == old[at+n] {
			n++
		}
		patch = appendPiece(patch, text[came:i], at, n)
		i += n
		came = i
	}
	return appendPiece(patch, text[came:], 0, 0)
}

func appendPiece(patch, come []byte, at, n int) []byte {
	patch = append(binary.AppendUvarint(patch, uint64(len(come))), come...)
	return binary.AppendUvarint(binary.AppendUvarint(patch, uint64(at)), uint64(n)) //nolint:gosec // not negative
}

// applyPatch returns what a patch makes of old: no more than limit bytes.
func applyPatch(old, patch []byte, limit int) (text []byte, err error) {
	r := fields{data: patch}
	for len(r.data) > 0 && !r.bad {
		come := r.number()
		if r.check(come <= uint64(len(r.data))); r.bad {
			break
		}
		text, r.data = append(text, r.data[:come]...), r.data[come:]
		at, n := r.number(), r.number()
		if r.check(at <= uint64(len(old)) && n <= uint64(len(old))-at && uint64(len(text))+n <= uint64(limit)); !r.bad { //nolint:gosec // not negative
			text = append(text, old[at:at+n]...)
		}
	}
	return text, r.err()
}
