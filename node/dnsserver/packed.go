package dnsserver

import "github.com/miekg/dns"

// mostPacked bounds the answers of one zone that are kept packed: who asks for
// every type of every name gets the rest made for him.
const mostPacked = 512

// packedFor returns the packed answer to a question that somebody has asked
// before, or may ask again; nil if there is none that fits.
func (z *zone) packedFor(q *quick) []byte {
	z.mu.Lock()
	packed, found := z.packed[string(q.asked())]
	z.mu.Unlock()
	if !found {
		packed = z.pack(q)
	}
	if len(packed) > q.size {
		return nil
	}
	return packed
}

// pack makes the answer to a question about a name of the zone, as whoever
// takes the most gets it, and keeps it.
func (z *zone) pack(q *quick) []byte {
	name, _, err := dns.UnpackDomainName(q.key[:q.name], 0)
	if err != nil || !z.names[name] {
		return nil
	}
	kind := uint16(q.key[q.name])<<8 | uint16(q.key[q.name+1])
	class := uint16(q.key[q.name+2])<<8 | uint16(q.key[q.name+3])
	question := &dns.Msg{Question: []dns.Question{{Name: name, Qtype: kind, Qclass: class}}}
	if q.key[q.name+4] > 0 {
		question.SetEdns0(mostSize, false)
	}
	answer := z.reply(question)
	fit(answer, question)
	packed, err := answer.Pack()
	if err != nil || answer.Truncated || answer.Rcode != dns.RcodeSuccess {
		return nil
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.packed) < mostPacked {
		z.packed[string(q.asked())] = packed
	}
	return packed
}
