package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync/atomic"

	"carillon/store"
)

// A Sealer makes nonces and tokens that only the nodes of one system can make,
// because they share its keys. It is safe for concurrent use and takes no lock.
type Sealer struct {
	keys   atomic.Pointer[[]*keyed] // the one in force last; never empty
	issuer [issuerSize]byte         // this process of this node
	count  atomic.Uint32            // of nonces made
	fake   [32]byte                 // what is compared with when there is no such user
}

// keyed is what is made with one key.
type keyed struct {
	key    store.Key
	tokens *siv
	nonces *siv
}

// NewSealer returns a Sealer of the node named node, with the key that all
// nodes of the system share.
func NewSealer(key [32]byte, node string) *Sealer {
	s := &Sealer{
		issuer: newIssuer(node),
		fake:   [32]byte(append(derive(key, "fake digest 1"), derive(key, "fake digest 2")...)),
	}
	s.keys.Store(&[]*keyed{newKeyed(key)})
	return s
}

func newKeyed(key [32]byte) *keyed {
	return &keyed{
		key:    key,
		tokens: newSIV(derive(key, "token mac"), derive(key, "token enc")),
		nonces: newSIV(derive(key, "nonce mac"), derive(key, "nonce enc")),
	}
}

// Use puts the last of keys in force; with the others only what says so is
// opened. Nonces of theirs are stale. No keys change nothing. It is not to be
// called twice at once.
func (s *Sealer) Use(keys []store.Key) {
	have := *s.keys.Load()
	same := func(k *keyed, key store.Key) bool { return k.key == key }
	if len(keys) == 0 || slices.EqualFunc(have, keys, same) {
		return
	}
	next := make([]*keyed, len(keys))
	for i, key := range keys {
		if at := slices.IndexFunc(have, func(k *keyed) bool { return same(k, key) }); at >= 0 {
			next[i] = have[at]
		} else {
			next[i] = newKeyed(key)
		}
	}
	s.keys.Store(&next)
}

// inForce is the key that others are to find on what is made now.
func (s *Sealer) inForce() *keyed {
	keys := *s.keys.Load()
	return keys[len(keys)-1]
}

// earlier are the keys that were in force before, the latest last.
func (s *Sealer) earlier() []*keyed {
	keys := *s.keys.Load()
	return keys[:len(keys)-1]
}

// HasEarlier reports whether there is anything for OpenEarlier to open.
func (s *Sealer) HasEarlier() bool { return len(s.earlier()) > 0 }

// newIssuer names this process of the node: a nonce that it made before it was
// restarted is not its own any more, because it has forgotten how often that
// was used.
func newIssuer(node string) [issuerSize]byte {
	var start [16]byte
	_, _ = rand.Read(start[:]) // never fails
	sum := sha256.Sum256(append(start[:], node...))
	return [issuerSize]byte(sum[:issuerSize])
}

// derive makes a key for one purpose.
func derive(key [32]byte, purpose string) []byte {
	sub, err := hkdf.Expand(sha256.New, key[:], "carillon "+purpose, 16)
	if err != nil {
		panic(err) // 16 bytes are never too many
	}
	return sub
}

// decode puts what text encodes into w.text. It refuses line breaks, which
// package base64 skips.
func (w *scratch) decode(text string) bool {
	w.code = append(w.code[:0], text...)
	var err error
	w.text, err = w.encoding.AppendDecode(w.text[:0], w.code)
	return err == nil && w.encoding.EncodedLen(len(w.text)) == len(text)
}
