package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// clusterPort is where nodes reach each other, on TCP and UDP.
const clusterPort = 7946

// ParseSeed returns text, which is HOST or HOST:PORT, as HOST:PORT; nothing
// stays nothing.
func ParseSeed(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, clusterPort).String(), nil
	}
	host, port := text, strconv.Itoa(clusterPort)
	var err error
	if strings.Contains(text, ":") {
		host, port, err = net.SplitHostPort(text)
	}
	number, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || number == 0 || host == "" {
		return "", fmt.Errorf("--join takes HOST or HOST:PORT, not %q", text)
	}
	return net.JoinHostPort(host, port), nil
}

// seedAddresses finds out where HOST:PORT is.
func seedAddresses(ctx context.Context, seed string) ([]netip.AddrPort, error) {
	if seed == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(seed)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	all := make([]netip.AddrPort, len(found))
	for i, a := range found {
		all[i] = netip.AddrPortFrom(a.Unmap(), uint16(number))
	}
	return all, nil
}

// ownAddress is where other nodes reach this one: where it listens, or, when
// that is everywhere, an address of this machine that others may know, a
// private one rather than a public one.
func ownAddress(listen netip.Addr) netip.AddrPort {
	if listen.IsValid() {
		return netip.AddrPortFrom(listen, clusterPort)
	}
	best := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	all, _ := net.InterfaceAddrs()
	for _, x := range all {
		p, err := netip.ParsePrefix(x.String())
		if err == nil && rank(p.Addr()) > rank(best) {
			best = p.Addr()
		}
	}
	return netip.AddrPortFrom(best.Unmap(), clusterPort)
}

func rank(a netip.Addr) int {
	switch {
	case a.IsLoopback(), a.IsLinkLocalUnicast():
		return 0
	case a.Is4() && a.IsPrivate():
		return 4
	case a.Is4():
		return 3
	case a.IsPrivate():
		return 2
	default:
		return 1
	}
}
