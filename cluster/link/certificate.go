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

// How long certificates are good: an authority's for as long as the system, a
// node's until it is issued again.
const (
	authorityLifetime = 50 * 365 * 24 * time.Hour
	Lifetime          = 548 * 24 * time.Hour
)

const (
	blockCertificate = "CERTIFICATE"
	blockAuthority   = "AUTHORITY"
	blockKey         = "PRIVATE KEY"
)

// KeyFingerprint names the key of a certificate request (DER): SHA-256 in
// hexadecimal. Nodes are listed and revoked by it: certificates come and go.
func KeyFingerprint(request []byte) (string, error) {
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return "", fmt.Errorf("reading a request for a certificate: %w", err)
	}
	sum := sha256.Sum256(r.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}

func keyFingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// CertificateFingerprint names a certificate (DER) for people: SHA-256 in
// hexadecimal.
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
		CurrentTime: certificate.NotBefore, // see Options.Revoked
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
