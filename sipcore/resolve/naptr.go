package resolve

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"carillon/sipcore/transport"
)

// maxPointers is how many records of one domain are followed.
const maxPointers = 8

// A pointer is a NAPTR record that we can follow: to an SRV name, or to a host.
type pointer struct {
	kind transport.Kind
	flag string // "s" or "a"
	name string
}

// pointers asks which transports a domain offers, or which encrypted ones. A server that cannot answer
// this type may still know the address, so an error counts as no answer.
func (r *Resolver) pointers(ctx context.Context, name string, secure bool) []pointer {
	records, err := r.memory.ask(ctx, question{name, dns.TypeNAPTR})
	if err != nil {
		return nil
	}
	found := readPointers(records)
	if secure {
		found = slices.DeleteFunc(found, func(p pointer) bool { return !p.kind.Secure() })
	}
	return found
}

// readPointers returns the records that we can follow in their order (RFC 3403
// section 4.1, RFC 3263 section 4.1).
func readPointers(records []dns.RR) []pointer {
	records = slices.SortedStableFunc(slices.Values(records), func(a, b dns.RR) int {
		x, y := a.(*dns.NAPTR), b.(*dns.NAPTR)
		return cmp.Or(cmp.Compare(x.Order, y.Order), cmp.Compare(x.Preference, y.Preference))
	})
	var found []pointer
	for _, record := range records {
		n := record.(*dns.NAPTR)
		p := pointer{serviceField(n.Service), strings.ToLower(n.Flags), strings.ToLower(n.Replacement)}
		if p.kind != 0 && (p.flag == "s" || p.flag == "a") && n.Regexp == "" && p.name != "." {
			found = append(found, p)
		}
	}
	return found[:min(len(found), maxPointers)]
}

// serviceField reads a NAPTR service (RFC 3263 section 9) that we speak.
func serviceField(text string) transport.Kind {
	switch strings.ToUpper(text) {
	case "SIP+D2U":
		return transport.UDP
	case "SIP+D2T":
		return transport.TCP
	case "SIPS+D2T":
		return transport.TLS
	default:
		return 0
	}
}

// follow returns the places that the pointers lead to; found is false when
// there are none.
func (r *Resolver) follow(ctx context.Context, pointers []pointer) (places []place, found bool) {
	led := make([][]place, len(pointers))
	forEach(pointers, func(i int, p pointer) {
		if p.flag == "a" {
			led[i] = []place{{kind: p.kind, host: p.name}}
			return
		}
		led[i], _ = r.servers(ctx, []service{{p.kind, p.name}})
	})
	places = slices.Concat(led...)
	return places, len(places) > 0
}
