package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// A Key is a node's key that has no certificate yet.
type Key struct {
	key *ecdsa.PrivateKey
}

// NewRequest makes the key of a node and the request (PKCS #10, DER) for its
// certificate.
func NewRequest(node string) (*Key, []byte, error) {
	if err := checkName(node); err != nil {
		return nil, nil, fmt.Errorf("requesting a certificate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the node's key: %w", err)
	}
	k := &Key{key}
	request, err := k.Request(node)
	return k, request, err
}

// Request makes a request for a certificate for the key.
func (k *Key) Request(node string) ([]byte, error) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: node}}
	request, err := x509.CreateCertificateRequest(rand.Reader, template, k.key)
	if err != nil {
		return nil, fmt.Errorf("requesting a certificate: %w", err)
	}
	return request, nil
}

// Marshal returns the key, for a caller that keeps it while it joins.
func (k *Key) Marshal() []byte { return encodeKey(k.key) }

// Fingerprint names the key, as Identity.Fingerprint does.
func (k *Key) Fingerprint() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.key.Public())
	if err != nil {
		return "", fmt.Errorf("naming the node's key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// LoadKey reads what Key.Marshal wrote.
func LoadKey(text []byte) (*Key, error) {
	b, err := decodeBundle(text)
	if err != nil {
		return nil, fmt.Errorf("reading the node's key: %w", err)
	}
	if b.key == nil {
		return nil, errors.New("reading the node's key: there is none")
	}
	return &Key{b.key}, nil
}

// Identity joins the key with the certificate issued for it and the
// certificate of the authority (both DER).
func (k *Key) Identity(certificate, authority []byte) (Identity, error) {
	leaf, err := x509.ParseCertificate(certificate)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the node's certificate: %w", err)
	}
	root, err := x509.ParseCertificate(authority)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the authority's certificate: %w", err)
	}
	return newIdentity(bundle{leaf, root, k.key})
}

// An Identity is a node's certificate, its key, and the certificate of the
// authority that it believes. The zero value is nobody. It is read only.
type Identity struct {
	bundle
	peer Peer
}

func newIdentity(b bundle) (Identity, error) {
	if b.certificate == nil || b.authority == nil || b.key == nil {
		return Identity{}, errors.New("reading the node's identity: it is incomplete")
	}
	if !b.key.PublicKey.Equal(b.certificate.PublicKey) {
		return Identity{}, errors.New("reading the node's identity: the certificate is for another key")
	}
	peer, err := checkIssued(b.certificate, b.authority)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the node's identity: %w", err)
	}
	return Identity{b, peer}, nil
}

// LoadIdentity reads what Identity.Marshal wrote.
func LoadIdentity(text []byte) (Identity, error) {
	b, err := decodeBundle(text)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the node's identity: %w", err)
	}
	return newIdentity(b)
}

// Marshal returns the identity with its key.
func (i Identity) Marshal() []byte {
	text := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: i.certificate.Raw})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: blockAuthority, Bytes: i.authority.Raw})...)
	return append(text, encodeKey(i.key)...)
}

// Peer is who the others see.
func (i Identity) Peer() Peer { return i.peer }

// Certificate is the node's certificate (DER).
func (i Identity) Certificate() []byte { return i.certificate.Raw }

// Authority is the certificate (DER) of the authority.
func (i Identity) Authority() []byte { return i.authority.Raw }

// Fingerprint names the node's key, as Options.Revoked is asked and as the registry
// lists it.
func (i Identity) Fingerprint() string { return keyFingerprint(i.certificate) }

// Key is the key of the identity, for another certificate.
func (i Identity) Key() *Key { return &Key{i.key} }

// Founded is when the authority began.
func (i Identity) Founded() time.Time { return i.authority.NotBefore }

// Validity says from when to when the certificate is good, by the clock of the main
// that issued it.
func (i Identity) Validity() (begins, ends time.Time) {
	return i.certificate.NotBefore, i.certificate.NotAfter
}

func (i Identity) tlsCertificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.certificate.Raw}, PrivateKey: i.key, Leaf: i.certificate}
}
