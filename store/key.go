package store

import (
	"fmt"
	"slices"
)

// A Key seals the nonces and tokens that nodes make. It is a secret: it prints as
// a word, whatever is asked of it, and is in no export.
type Key [32]byte

// mostKeys is how many keys a View keeps. The earlier ones are for calls that
// were going on when a node was removed, and for nodes that have not heard of
// the newest one yet.
const mostKeys = 8

// IsZero reports whether k is none.
func (k Key) IsZero() bool { return k == Key{} }

// Format implements [fmt.Formatter].
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(secret)")) }

// MarshalText implements [encoding.TextMarshaler].
func (k Key) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// Keys returns the keys of the system, the one in force last. While there are
// none it is that with which each node came.
func (v *View) Keys() []Key { return slices.Clone(v.config.Keys) }

// withKey puts another key in force. was is the one that is in force while the
// list is empty.
func withKey(list []Key, was, next Key) []Key {
	if next.IsZero() || slices.Contains(list, next) {
		return list // of a version that changed no keys
	}
	if len(list) == 0 && !was.IsZero() {
		list = append(list, was)
	}
	list = append(list, next)
	return list[max(0, len(list)-mostKeys):]
}

// keyLines is what a plan and the history say of it.
func keyLines(old, next []Key) []Line {
	if slices.Equal(old, next) {
		return nil
	}
	return []Line{{Sign: "~", Text: "nonces and tokens: sealed with another key"}}
}

func toWireKey(k Key) []byte {
	if k.IsZero() {
		return []byte{}
	}
	return k[:]
}

func fromWireKey(b []byte) (k Key, err error) {
	switch len(b) {
	case 0:
		return k, nil
	case len(k):
		return Key(b), nil
	}
	return k, fmt.Errorf("a key has %d bytes, not %d", len(b), len(k))
}

func fromWireKeys(all [][]byte) ([]Key, error) {
	var keys []Key
	for _, b := range all {
		k, err := fromWireKey(b)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
