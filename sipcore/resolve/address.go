package resolve

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// grace is how much longer than the IPv4 addresses the IPv6 ones may take: some
// name servers never answer for them.
const grace = 200 * time.Millisecond

var (
	errNoAddress = errors.New("the name has no address")
	errGrace     = errors.New("no answer in time") // and there is another to go on with
)

// addresses returns the addresses of a host, IPv4 before IPv6.
func (r *Resolver) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var v4, v6 []dns.RR
	var err4, err6 error
	ctx6, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	inParallel(
		func() { v6, err6 = r.memory.ask(ctx6, question{host, dns.TypeAAAA}) },
		func() {
			if v4, err4 = r.memory.ask(ctx, question{host, dns.TypeA}); len(v4) > 0 {
				time.AfterFunc(grace, func() { giveUp(errGrace) })
			}
		},
	)
	found := readAddresses(slices.Concat(v4, v6))
	if len(found) > 0 {
		return found, nil
	}
	return nil, cmp.Or(err4, err6, errNoAddress)
}

func readAddresses(records []dns.RR) []netip.Addr {
	var found []netip.Addr
	for _, record := range records {
		switch rr := record.(type) {
		case *dns.A:
			if addr, ok := netip.AddrFromSlice(rr.A); ok {
				found = append(found, addr.Unmap())
			}
		case *dns.AAAA:
			if addr, ok := netip.AddrFromSlice(rr.AAAA); ok {
				found = append(found, addr.Unmap())
			}
		}
	}
	return found
}
