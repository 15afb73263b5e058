package extension

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// servers asks for the servers of the domain, and returns them in their order;
// those that failed lately come last. When no name server answers, those of the
// last answer would do; a phone that has none has nothing.
func (p *Phone) servers(ctx context.Context) []netip.AddrPort {
	var found []netip.AddrPort
	for _, resolver := range p.o.Resolvers {
		if found = p.lookUp(ctx, resolver); len(found) > 0 {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lately := func(s netip.AddrPort) int {
		if at, ok := p.failed[s]; ok && time.Since(at) < shunned {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(found, func(a, b netip.AddrPort) int { return lately(a) - lately(b) })
	return found
}

// lookUp asks one name server.
func (p *Phone) lookUp(ctx context.Context, resolver netip.AddrPort) (found []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, resolving)
	defer cancel()
	dns := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		err = p.o.Network(func() error {
			d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.o.Addr, 0))}
			if network == "tcp" {
				d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.o.Addr, 0))
			}
			conn, err = d.DialContext(ctx, network, resolver.String())
			return err
		})
		return conn, err
	}}
	_, records, err := dns.LookupSRV(ctx, "sip", "tcp", p.o.Domain+".")
	if err != nil {
		return nil
	}
	for _, r := range records {
		addrs, err := dns.LookupNetIP(ctx, "ip4", strings.TrimSuffix(r.Target, ".")+".")
		if err != nil {
			continue
		}
		for _, a := range addrs {
			found = append(found, netip.AddrPortFrom(a.Unmap(), r.Port))
		}
	}
	return found
}
