package link

import (
	"crypto/x509"
	"net/netip"
	"testing"
	"time"
)

func TestServing(t *testing.T) {
	s := newSystem(t)
	key, request, err := NewRequest("laurel")
	if err != nil {
		t.Fatal(err)
	}
	addresses := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	der, err := s.authority.IssueServing(request, []string{"tel.test", "laurel"}, addresses)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.authority.certificate)
	for _, name := range []string{"tel.test", "laurel", "192.0.2.1", "2001:db8::1"} {
		if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("for %s: %v", name, err)
		}
	}
	for _, name := range []string{"other.test", "192.0.2.2"} {
		if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err == nil {
			t.Errorf("it is good for %s", name)
		}
	}
	if left := time.Until(certificate.NotAfter); left < 395*24*time.Hour || left > 398*24*time.Hour {
		t.Errorf("it is good for %v", left)
	}
	// Who has stolen it from a node is no node.
	if _, err := key.Identity(der, s.authority.Certificate()); err == nil {
		t.Error("it is an identity between nodes")
	}
	if peer, err := checkIssued(certificate, s.authority.certificate); err == nil {
		t.Errorf("it is taken for node %+v", peer)
	}
}

func TestServingNeedsNamesAndAKey(t *testing.T) {
	s := newSystem(t)
	if _, err := s.authority.IssueServing([]byte("x"), []string{"tel.test"}, nil); err == nil {
		t.Error("a request that is none was taken")
	}
	_, request, err := NewRequest("laurel")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.authority.IssueServing(request, nil, nil); err == nil {
		t.Error("a certificate without a name was made")
	}
}
