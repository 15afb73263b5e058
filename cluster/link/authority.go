package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// An Authority issues the certificates of one system. The mains alone hold it.
// It is safe for concurrent use.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority founds the authority of a system; the name is for people.
func NewAuthority(system string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the authority's key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: system, Organization: []string{"Carillon"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the authority's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the authority's certificate: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// LoadAuthority reads what Marshal wrote.
func LoadAuthority(text []byte) (*Authority, error) {
	b, err := decodeBundle(text)
	if err != nil {
		return nil, fmt.Errorf("reading the authority: %w", err)
	}
	if b.authority == nil || b.key == nil || !b.authority.IsCA || !b.key.PublicKey.Equal(b.authority.PublicKey) {
		return nil, errors.New("reading the authority: certificate and key do not belong together")
	}
	return &Authority{b.authority, b.key}, nil
}

// Marshal returns the authority with its key, for the caller to seal and keep.
func (a *Authority) Marshal() []byte {
	text := pem.EncodeToMemory(&pem.Block{Type: blockAuthority, Bytes: a.certificate.Raw})
	return append(text, encodeKey(a.key)...)
}

// Certificate is the authority's own certificate (DER).
func (a *Authority) Certificate() []byte { return a.certificate.Raw }

// Fingerprint is the SHA-256 of Certificate.
func (a *Authority) Fingerprint() [32]byte { return sha256.Sum256(a.certificate.Raw) }

// Issue makes the certificate (DER) of a node from a request (DER) of
// NewRequest. The request proves that the asker has the key; the name and role
// are the issuer's decision.
func (a *Authority) Issue(request []byte, node string, role Role) (certificate []byte, err error) {
	return a.IssueAt(time.Now(), request, node, role)
}

// IssueAt is Issue with a certificate that begins at another time than now. None
// begins before the authority does, nor after its end: then the clock is wrong.
func (a *Authority) IssueAt(begin time.Time, request []byte, node string, role Role) (certificate []byte, err error) {
	if begin.Before(a.certificate.NotBefore) {
		begin = a.certificate.NotBefore
	}
	if begin.After(a.certificate.NotAfter) {
		return nil, fmt.Errorf("issuing a certificate: the clock is wrong, it says %s", begin.UTC().Format(time.RFC3339))
	}
	if err = checkName(node); err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	if !role.valid() {
		return nil, fmt.Errorf("issuing a certificate: unknown role %q", role)
	}
	public, err := requestKey(request)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: node, OrganizationalUnit: []string{string(role)}},
		NotBefore:             begin,
		NotAfter:              begin.Add(Lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	certificate, err = x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	return certificate, nil
}

// requestKey returns the key of a certificate request that its asker holds.
func requestKey(request []byte) (*ecdsa.PublicKey, error) {
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil, err
	}
	public, err := p256(r.PublicKey)
	if err != nil {
		return nil, err
	}
	return public, r.CheckSignature()
}
