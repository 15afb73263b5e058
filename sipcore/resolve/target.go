package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"carillon/sipcore/transport"
)

// defaultPort is that of SIP over UDP and TCP (RFC 3261 section 19.1.2).
const defaultPort = 5060

// A Target is what a SIP URI says about where to send.
type Target struct {
	Host      string // a name or an IP address, an IPv6 one with or without its brackets
	Port      uint16 // 0 = none was given
	Transport string // "" = none was given; "udp", "tcp", in any case
	Secure    bool   // sips: only encrypted transports count
}

// A Hop is an address to send to, and how.
type Hop struct {
	Kind transport.Kind
	Addr netip.AddrPort
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
	if t.Secure {
		return 0, errors.New("no encrypted transport to reach sips: targets")
	}
	if t.Transport == "" {
		return transport.UDP, nil
	}
	kind, ok := transport.KindOf(t.Transport)
	if !ok {
		return 0, fmt.Errorf("no transport %q", t.Transport)
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
	if port == 0 {
		port = defaultPort
	}
	return Hop{p.kind, netip.AddrPortFrom(addr, port)}
}

// domainName returns host as a complete domain name in lower case.
func domainName(host string) (string, error) {
	name := strings.ToLower(dns.Fqdn(host))
	strange := func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", c) }
	if _, ok := dns.IsDomainName(name); !ok || name == "." || strings.ContainsFunc(name, strange) {
		return "", fmt.Errorf("%q is neither an address nor a name", host)
	}
	return name, nil
}
