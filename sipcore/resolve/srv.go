package resolve

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"carillon/sipcore/transport"
)

var errNoServer = errors.New("the domain says that it has no SIP server")

// A service is an SRV name and the transport that it is about.
type service struct {
	kind transport.Kind
	name string
}

// serviceOf returns the SRV name of a domain (RFC 3263 section 4.2).
func serviceOf(kind transport.Kind, domain string) service {
	if kind == transport.TLS {
		return service{kind, "_sips._tcp." + domain}
	}
	return service{kind, "_sip._" + kind.String() + "." + domain}
}

// ownPreference is the order of transports for a domain that states none.
func ownPreference(domain string, secure bool) []service {
	if secure {
		return []service{serviceOf(transport.TLS, domain)}
	}
	return []service{serviceOf(transport.TCP, domain), serviceOf(transport.UDP, domain)}
}

// servers asks where the servers of the services stand, the first service's
// first. found is false when there is no record at all; a domain may also say
// that there is no server, and then found is true without a place. As with
// pointers, an error counts as no answer.
func (r *Resolver) servers(ctx context.Context, services []service) (places []place, found bool) {
	answers := make([][]dns.RR, len(services))
	forEach(services, func(i int, s service) {
		answers[i], _ = r.memory.ask(ctx, question{s.name, dns.TypeSRV})
	})
	for i, s := range services {
		found = found || len(answers[i]) > 0
		for _, server := range draw(answers[i], rand.Uint32N) {
			if server.Target != "." { // RFC 2782: decidedly not available here
				places = append(places, place{s.kind, strings.ToLower(server.Target), server.Port})
			}
		}
	}
	return places, found
}

// draw orders SRV records by priority, and those of one priority by lot, in
// proportion to their weights (RFC 2782). random(n) is below n.
func draw(records []dns.RR, random func(n uint32) uint32) []*dns.SRV {
	left := make([]*dns.SRV, len(records))
	for i, record := range records {
		left[i] = record.(*dns.SRV)
	}
	slices.SortStableFunc(left, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight))
	})
	drawn := make([]*dns.SRV, 0, len(left))
	for len(left) > 0 {
		i := lot(left, random)
		drawn = append(drawn, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return drawn
}

// lot draws one of the records that share the first one's priority. Weight 0
// stands first and is drawn only when the lot is 0.
func lot(records []*dns.SRV, random func(n uint32) uint32) int {
	var sum uint32
	same := 0
	for _, s := range records {
		if s.Priority == records[0].Priority {
			sum += uint32(s.Weight)
			same++
		}
	}
	drawn := random(sum + 1)
	for i, s := range records[:same] {
		if weight := uint32(s.Weight); drawn > weight {
			drawn -= weight
			continue
		}
		return i
	}
	return 0
}
