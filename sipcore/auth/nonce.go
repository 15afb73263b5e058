package auth

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"
)

// A nonce says when, by whom, as which of its nonces and for which place it was
// made, and carries a MAC of that. Nothing is remembered when one is handed out.
const (
	issuerSize   = 4
	placeSize    = 4
	nonceTime    = 0                        // 6 bytes: Unix milliseconds
	nonceIssuer  = nonceTime + 6            // 4 bytes
	nonceCount   = nonceIssuer + issuerSize // 4 bytes
	noncePlace   = nonceCount + 4           // 4 bytes: of the MAC of an address
	nonceMAC     = noncePlace + placeSize   // 9 bytes
	nonceSize    = nonceMAC + 9             // a multiple of three: no bits are left over
	nonceTextLen = nonceSize / 3 * 4
)

// NonceLife is how long a nonce is good. Phones keep one for several requests;
// then they are told that it is stale and take the next without asking anybody.
const NonceLife = 5 * time.Minute

// NonceState says what a nonce is worth.
type NonceState int

// The states of a nonce.
const (
	Forged  NonceState = iota // not made by any node of this system, or with a key that is not in force any more
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

// Nonce returns a new nonce: 36 characters. Who comes back with it receives at
// the address to, which says something where addresses can be forged.
func (s *Sealer) Nonce(to netip.Addr, now time.Time) string {
	var text [nonceTextLen]byte
	return string(s.appendNonce(text[:0], to, now))
}

func (s *Sealer) appendNonce(dst []byte, to netip.Addr, now time.Time) []byte {
	k := s.inForce()
	w := k.nonces.scratch.Get().(*scratch)
	defer k.nonces.scratch.Put(w)
	where := k.place(w, to)
	b := binary.BigEndian.AppendUint64(w.text[:0], uint64(now.UnixMilli())<<16)
	b = append(b[:nonceIssuer], s.issuer[:]...)
	b = binary.BigEndian.AppendUint32(b, s.count.Add(1))
	b = append(b, where[:]...)
	k.nonces.cmac(w, b)
	w.text = append(b, w.sum[:nonceSize-nonceMAC]...)
	return w.encoding.AppendEncode(dst, w.text)
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
	k := s.inForce()
	w := k.nonces.scratch.Get().(*scratch)
	defer k.nonces.scratch.Put(w)
	if !w.decode(nonce) || len(w.text) != nonceSize {
		return Forged, 0
	}
	b := w.text
	k.nonces.cmac(w, b[:nonceMAC])
	if subtle.ConstantTimeCompare(b[nonceMAC:], w.sum[:nonceSize-nonceMAC]) != 1 {
		return Forged, 0
	}
	if [issuerSize]byte(b[nonceIssuer:nonceCount]) != s.issuer || age(b, now).Abs() > NonceLife {
		return Expired, 0
	}
	return Fresh, binary.BigEndian.Uint32(b[nonceCount:])
}

// Proves reports whether nonce was made for the address from within the life of
// a nonce, by any node of the system: who sends it does receive there. It
// need not be good for a password any more.
func (s *Sealer) Proves(nonce string, from netip.Addr, now time.Time) bool {
	if state, _ := s.checkNonce(nonce, now); state == Forged {
		return false
	}
	k := s.inForce()
	w := k.nonces.scratch.Get().(*scratch)
	defer k.nonces.scratch.Put(w)
	where := k.place(w, from)
	if !w.decode(nonce) {
		return false
	}
	return [placeSize]byte(w.text[noncePlace:nonceMAC]) == where && age(w.text, now).Abs() <= NonceLife
}

// age is how long ago the nonce b was made.
func age(b []byte, now time.Time) time.Duration {
	return now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b) >> 16)))
}

// place is what stands for an address: the same for all that one host can have
// in an IPv6 network, and not to be found for another's.
func (k *keyed) place(w *scratch, a netip.Addr) [placeSize]byte {
	b := a.As16()
	if !a.Unmap().Is4() {
		clear(b[8:])
	}
	w.text = append(w.text[:0], b[:]...)
	k.nonces.cmac(w, w.text)
	return [placeSize]byte(w.sum[:placeSize])
}
