package node

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
)

// password returns a fresh password of 63 bits that can be read aloud and typed
// on a phone's keypad: three groups of three syllables and two digits.
func password() string {
	const consonants, vowels = "bdfghklmnprstvwz", "aeiou"
	var b strings.Builder
	for i := range 9 {
		if i > 0 && i%3 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(consonants[random(len(consonants))])
		b.WriteByte(vowels[random(len(vowels))])
	}
	fmt.Fprintf(&b, "-%02d", random(100))
	return b.String()
}

// random returns a number from 0 to n-1. The bias of 64 bits is too small to matter.
func random(n int) int {
	var b [8]byte
	_, _ = rand.Read(b[:])                                   // never fails
	return int(binary.NativeEndian.Uint64(b[:]) % uint64(n)) //nolint:gosec // smaller than n
}
