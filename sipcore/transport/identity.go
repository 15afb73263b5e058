package transport

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// checkIdentity checks that a certificate is that of a SIP domain (RFC 5922
// sections 7.1 and 7.2): it names the domain as a URI, sip:domain, or, if it
// names none so, as a DNS name. There are no wildcards, and nothing is a part of
// something else.
func checkIdentity(c *x509.Certificate, domain string) error {
	names := sipNames(c)
	if len(names) == 0 {
		names = c.DNSNames
	}
	is := func(name string) bool {
		return strings.EqualFold(strings.TrimSuffix(name, "."), strings.TrimSuffix(domain, "."))
	}
	if slices.ContainsFunc(names, is) {
		return nil
	}
	return fmt.Errorf("the peer's certificate is not for %s, but for %q", domain, names)
}

// sipNames returns the domains that a certificate names as URIs; one with a user
// part is a person's.
func sipNames(c *x509.Certificate) (names []string) {
	for _, u := range c.URIs {
		if domain := sipDomain(u); domain != "" {
			names = append(names, domain)
		}
	}
	return names
}

func sipDomain(u *url.URL) string {
	if !strings.EqualFold(u.Scheme, "sip") || strings.Contains(u.Opaque, "@") {
		return ""
	}
	if end := strings.IndexAny(u.Opaque, ":;?"); end >= 0 {
		return u.Opaque[:end]
	}
	return u.Opaque
}
