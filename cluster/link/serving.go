package link

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// servingLifetime is how long a certificate for phones is good: some of them
// refuse one that is good for much more than two years.
const servingLifetime = 397 * 24 * time.Hour

// IssueServing makes a certificate (DER) that a node shows to phones, from a
// request of NewRequest: for DNS names, the first of which is the subject, and
// for addresses. It is no node's: it names no role, and opens nothing between
// nodes.
func (a *Authority) IssueServing(request []byte, names []string, addresses []netip.Addr) (certificate []byte, err error) {
	if len(names) == 0 {
		return nil, errors.New("issuing a certificate for phones: no name")
	}
	public, err := requestKey(request)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate for phones: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: names[0]},
		DNSNames:              names,
		NotBefore:             a.certificate.NotBefore, // a phone's clock may be behind
		NotAfter:              time.Now().Add(servingLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, addr := range addresses {
		template.IPAddresses = append(template.IPAddresses, addr.Unmap().AsSlice())
	}
	certificate, err = x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate for phones: %w", err)
	}
	return certificate, nil
}
