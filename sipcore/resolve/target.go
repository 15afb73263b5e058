package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"carillon/sipcore/transport"
)

// The ports of SIP (RFC 3261 section 19.1.2): over TLS, and else.
const (
	defaultPort = 5060
	securePort  = 5061
)

// A Target is what a SIP URI says about where to send.
type Target struct {
	Host      string // a name or an IP address, an IPv6 one with or without its brackets
	Port      uint16 // 0 = none was given
	Transport string // "" = none was given; "udp", "tcp", "tls", in any case
	Secure    bool   // sips: only encrypted transports count
}

// A Hop is an address to send to, and how.
type Hop struct {
	Kind transport.Kind
	Addr netip.AddrPort
	Name string // over TLS: what the certificate must say (RFC 5922), "" when the target was an address
}

// addr returns the IP address that t is, if it is one.
func (t Target) addr() (netip.Addr, bool) {
	host := t.Host
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// kind returns the transport that t asks for: UDP when it leaves the choice,
// which is right for an address, for a port, and for a domain that announces
// nothing (RFC 3263 section 4.1).
func (t Target) kind() (transport.Kind, error) {
	kind, known := transport.KindOf(t.Transport)
	switch {
	case t.Secure && (t.Transport == "" || kind == transport.TCP):
		return transport.TLS, nil
	case t.Transport == "":
		return transport.UDP, nil
	case !known:
		return 0, fmt.Errorf("no transport %q", t.Transport)
	case !kind.Dials():
		return 0, fmt.Errorf("nobody is called over %s", kind)
	case t.Secure && !kind.Secure():
		return 0, fmt.Errorf("a sips target cannot be reached over %s", kind)
	}
	return kind, nil
}

// A place is a host where a server may stand.
type place struct {
	kind transport.Kind
	host string // a complete domain name
	port uint16 // 0 = the default
}

// hop returns the way to p when its host has the address addr.
func (p place) hop(addr netip.Addr) Hop {
	port := p.port
	switch {
	case port != 0:
	case p.kind == transport.TLS:
		port = securePort
	default:
		port = defaultPort
	}
	return Hop{Kind: p.kind, Addr: netip.AddrPortFrom(addr, port)}
}

// domainName returns host as a complete domain name in lower case.
func domainName(host string) (string, error) {
	name := strings.ToLower(dns.Fqdn(host))
	strange := func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", c) }
	if strings.HasSuffix(name, ".invalid.") {
		return "", errors.New("a name that ends in .invalid is nowhere") // RFC 2606; browsers have such (RFC 7118)
	}
	if _, ok := dns.IsDomainName(name); !ok || name == "." || strings.ContainsFunc(name, strange) {
		return "", fmt.Errorf("%q is neither an address nor a name", host)
	}
	return name, nil
}
