package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Certificates do not run out: a branch may start with a clock of 1970, and who
// is out of the system is said by revoking, not by a date.
const lifetime = 50 * 365 * 24 * time.Hour

const (
	blockCertificate = "CERTIFICATE"
	blockAuthority   = "AUTHORITY"
	blockKey         = "PRIVATE KEY"
)

// CertificateFingerprint is how a certificate (DER) is named where one is
// revoked or listed: SHA-256 in hexadecimal.
func CertificateFingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return hex.EncodeToString(sum[:])
}

// checkIssued checks that the authority issued the certificate, at whatever
// time, and returns whose it is.
func checkIssued(certificate, authority *x509.Certificate) (Peer, error) {
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	_, err := certificate.Verify(x509.VerifyOptions{
		Roots:       roots,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		CurrentTime: certificate.NotBefore, // see lifetime
	})
	if err != nil {
		return Peer{}, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if certificate.IsCA {
		return Peer{}, fmt.Errorf("%w: an authority is no node", ErrForeign)
	}
	return peerOf(certificate)
}

func peerOf(certificate *x509.Certificate) (Peer, error) {
	peer := Peer{Node: certificate.Subject.CommonName}
	if units := certificate.Subject.OrganizationalUnit; len(units) == 1 {
		peer.Role = Role(units[0])
	}
	if err := checkName(peer.Node); err != nil {
		return Peer{}, fmt.Errorf("reading a certificate: %w", err)
	}
	if !peer.Role.valid() {
		return Peer{}, errors.New("reading a certificate: it names no role")
	}
	return peer, nil
}

func p256(public any) (*ecdsa.PublicKey, error) {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the key is not on P-256")
	}
	return key, nil
}

func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return serialOf(b)
}

func serialOf(b [16]byte) *big.Int {
	b[0] &= 0x7f
	b[0] |= 0x40 // never zero, never short
	return new(big.Int).SetBytes(b[:])
}

func encodeKey(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil // cannot happen: every key here is on P-256
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: der})
}

// A bundle is what the blocks of a file of ours contain.
type bundle struct {
	certificate *x509.Certificate
	authority   *x509.Certificate
	key         *ecdsa.PrivateKey
}

func decodeBundle(text []byte) (bundle, error) {
	var b bundle
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return b, nil
		}
		if err := b.take(block); err != nil {
			return b, err
		}
		text = rest
	}
}

func (b *bundle) take(block *pem.Block) (err error) {
	switch block.Type {
	case blockCertificate:
		b.certificate, err = x509.ParseCertificate(block.Bytes)
	case blockAuthority:
		b.authority, err = x509.ParseCertificate(block.Bytes)
	case blockKey:
		b.key, err = decodeKey(block.Bytes)
	}
	return err
}

func decodeKey(der []byte) (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not on P-256")
	}
	if _, err = p256(&key.PublicKey); err != nil {
		return nil, err
	}
	return key, nil
}
