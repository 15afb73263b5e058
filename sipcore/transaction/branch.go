package transaction

import (
	"math/rand/v2"
	"strings"
)

// cookie starts every branch made by an RFC 3261 element (section 8.1.1.7).
const cookie = "z9hG4bK"

const (
	letters   = "abcdefghijklmnopqrstuvwxyz234567" // safe in a token, also for those who ignore case
	branchLen = len(cookie) + 20
)

// NewBranch returns a Via branch that nobody else uses and nobody can guess.
func NewBranch() string {
	var b [branchLen]byte
	out := append(b[:0], cookie...)
	out = appendRandom(out, 10)
	out = appendRandom(out, 10)
	return string(out)
}

// appendRandom appends n letters of five random bits each; n is at most 12.
func appendRandom(dst []byte, n int) []byte {
	return appendLetters(dst, rand.Uint64(), n) //nolint:gosec // the top-level generator is ChaCha8, seeded by the system
}

func appendLetters(dst []byte, bits uint64, n int) []byte {
	for range n {
		dst = append(dst, letters[bits&31])
		bits >>= 5
	}
	return dst
}

// isUnique reports whether branch identifies a transaction. A bare cookie does
// not (RFC 4475 section 3.1.2.1 has one).
func isUnique(branch string) bool {
	return len(branch) > len(cookie) && strings.HasPrefix(branch, cookie)
}
