package auth

import (
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// A nonce says when, by whom and as which of its nonces it was made, and
// carries a MAC of that. Nothing is remembered when one is handed out.
const (
	issuerSize   = 4
	nonceTime    = 0                        // 6 bytes: Unix milliseconds
	nonceIssuer  = nonceTime + 6            // 4 bytes
	nonceCount   = nonceIssuer + issuerSize // 4 bytes
	nonceMAC     = nonceCount + 4           // 10 bytes
	nonceSize    = nonceMAC + 10            // a multiple of three: no bits are left over
	nonceTextLen = nonceSize / 3 * 4
)

// NonceLife is how long a nonce is good. Phones keep one for several requests;
// then they are told that it is stale and take the next without asking anybody.
const NonceLife = 5 * time.Minute

// NonceState says what a nonce is worth.
type NonceState int

// The states of a nonce.
const (
	Forged  NonceState = iota // not made by any node of this system
	Expired                   // too old, or another process's: a new one will do
	Fresh
)

// String implements fmt.Stringer.
func (s NonceState) String() string {
	switch s {
	case Fresh:
		return "fresh"
	case Expired:
		return "expired"
	case Forged:
	}
	return "forged"
}

// Nonce returns a new nonce: 32 characters.
func (s *Sealer) Nonce(now time.Time) string {
	w := s.nonces.scratch.Get().(*scratch)
	defer s.nonces.scratch.Put(w)
	b := binary.BigEndian.AppendUint64(w.text[:0], uint64(now.UnixMilli())<<16)
	b = append(b[:nonceIssuer], s.issuer[:]...)
	b = binary.BigEndian.AppendUint32(b, s.count.Add(1))
	s.nonces.cmac(w, b)
	w.text = append(b, w.sum[:nonceSize-nonceMAC]...)
	var text [nonceTextLen]byte
	return string(encoding().AppendEncode(text[:0], w.text))
}

// CheckNonce says what nonce is worth at now.
func (s *Sealer) CheckNonce(nonce string, now time.Time) NonceState {
	state, _ := s.checkNonce(nonce, now)
	return state
}

// checkNonce also returns the number of a fresh nonce.
func (s *Sealer) checkNonce(nonce string, now time.Time) (state NonceState, number uint32) {
	if len(nonce) != nonceTextLen {
		return Forged, 0
	}
	w := s.nonces.scratch.Get().(*scratch)
	defer s.nonces.scratch.Put(w)
	if !w.decode(nonce) || len(w.text) != nonceSize {
		return Forged, 0
	}
	b := w.text
	s.nonces.cmac(w, b[:nonceMAC])
	if subtle.ConstantTimeCompare(b[nonceMAC:], w.sum[:nonceSize-nonceMAC]) != 1 {
		return Forged, 0
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(b) >> 16))
	age := now.Sub(made)
	if [issuerSize]byte(b[nonceIssuer:nonceCount]) != s.issuer || age > NonceLife || age < -NonceLife {
		return Expired, 0
	}
	return Fresh, binary.BigEndian.Uint32(b[nonceCount:])
}
