package replica

import "strings"

// A Pair is a key and its value in one text, so that all who keep the two, and
// the table that was made of them, keep them once. The zero Pair is the empty key
// with no value.
type Pair struct {
	Text string // the key, and behind it the value
	Cut  int    // the length of the key
}

// NewPair puts a key and a value into one text.
func NewPair(key string, value []byte) Pair {
	var text strings.Builder
	text.Grow(len(key) + len(value))
	text.WriteString(key)
	text.Write(value)
	return Pair{Text: text.String(), Cut: len(key)}
}

// Key returns the key.
func (p Pair) Key() string { return p.Text[:p.Cut] }

// Value returns the value.
func (p Pair) Value() string { return p.Text[p.Cut:] }

func (p Pair) fits() bool { return p.Cut <= MaxKey && len(p.Text)-p.Cut <= MaxValue }
