package dnsserver

import (
	"strings"

	"github.com/miekg/dns"
)

// reply returns the answer to a message, that is good for everybody who is told
// what z says.
func (z *zone) reply(question *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(question)
	answer.Compress = true
	opt := question.IsEdns0()
	switch {
	case opt != nil && opt.Version() != 0:
		answer.Rcode = dns.RcodeBadVers
	case len(question.Question) != 1:
		answer.Rcode = dns.RcodeFormatError
	default:
		z.answer(answer, question.Question[0])
	}
	if opt != nil {
		answer.SetEdns0(mostSize, false)
	}
	return answer
}

// answer fills m, a reply to one question that z is asked, or refuses it: names
// outside the zone are somebody else's.
func (z *zone) answer(m *dns.Msg, q dns.Question) {
	name := dns.CanonicalName(q.Name)
	switch {
	case !z.holds(q):
		m.Rcode = dns.RcodeRefused
		return
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		m.Rcode = dns.RcodeRefused // the zone is made by each node itself
		return
	}
	m.Authoritative = true
	found := z.records[key{name, q.Qtype}]
	if q.Qtype == dns.TypeANY && z.names[name] { // RFC 8482: no more than is asked for
		found = []dns.RR{&dns.HINFO{Hdr: header(name, dns.TypeHINFO), Cpu: "RFC8482"}}
	}
	switch {
	case len(found) > 0:
		m.Answer = spelled(found, q.Name)
		m.Extra = append(m.Extra, z.besides(found)...)
	default:
		if !z.names[name] {
			m.Rcode = dns.RcodeNameError
		}
		m.Ns = []dns.RR{z.soa} // RFC 2308
	}
}

// spelled returns records under the name as it was asked for: some who ask want
// their own capitals back.
func spelled(records []dns.RR, name string) []dns.RR {
	all := make([]dns.RR, 0, len(records))
	for _, rr := range records {
		if rr.Header().Name != name {
			rr = dns.Copy(rr)
			rr.Header().Name = name
		}
		all = append(all, rr)
	}
	return all
}

// besides returns what whoever is given these records will ask for next.
func (z *zone) besides(records []dns.RR) (more []dns.RR) {
	for _, rr := range records {
		switch rr := rr.(type) {
		case *dns.NAPTR:
			if !strings.HasPrefix(rr.Service, "SIP+D2T") {
				continue // the first is enough
			}
			servers := z.records[key{rr.Replacement, dns.TypeSRV}]
			more = append(append(more, servers...), z.besides(servers)...)
		case *dns.SRV:
			more = append(more, z.addressOf(rr.Target)...)
		case *dns.NS:
			more = append(more, z.addressOf(rr.Ns)...)
		}
	}
	return more
}
