package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"sync/atomic"
)

// A Sealer makes nonces and tokens that only the nodes of one system can make,
// because they share its key. It is safe for concurrent use and takes no lock.
type Sealer struct {
	tokens *siv
	nonces *siv
	issuer [issuerSize]byte // this process of this node
	count  atomic.Uint32    // of nonces made
	fake   [32]byte         // what is compared with when there is no such user
}

// NewSealer returns a Sealer of the node named node, with the key that all
// nodes of the system share.
func NewSealer(key [32]byte, node string) *Sealer {
	return &Sealer{
		tokens: newSIV(derive(key, "token mac"), derive(key, "token enc")),
		nonces: newSIV(derive(key, "nonce mac"), derive(key, "nonce enc")),
		issuer: newIssuer(node),
		fake:   [32]byte(append(derive(key, "fake digest 1"), derive(key, "fake digest 2")...)),
	}
}

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
