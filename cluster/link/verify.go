package link

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
)

const verifiedMost = 4096

// A verifier checks certificates against the authority and remembers those that
// it issued, because the same few come back at each handshake. What it did not
// issue is not remembered: strangers take no room.
type verifier struct {
	authority *x509.Certificate

	mu   sync.RWMutex
	good map[[32]byte]Peer
}

func newVerifier(authority *x509.Certificate) *verifier {
	return &verifier{authority: authority, good: map[[32]byte]Peer{}}
}

func (v *verifier) check(certificate *x509.Certificate) (Peer, error) {
	sum := sha256.Sum256(certificate.Raw)
	v.mu.RLock()
	peer, ok := v.good[sum]
	v.mu.RUnlock()
	if ok {
		return peer, nil
	}
	peer, err := checkIssued(certificate, v.authority)
	if err != nil {
		return Peer{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.good) >= verifiedMost {
		clear(v.good)
	}
	v.good[sum] = peer
	return peer, nil
}
