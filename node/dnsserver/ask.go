package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ask asks one server, by UDP, and by TCP if it says so. Each question has a port
// and an id of its own that nobody can guess, and only what answers this question
// and comes from there is an answer (RFC 5452).
func (f *forwarder) ask(ctx context.Context, server netip.AddrPort, about subject) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, f.patience)
	defer cancel()
	question := &dns.Msg{MsgHdr: dns.MsgHdr{Id: dns.Id(), RecursionDesired: true, CheckingDisabled: about.believe}}
	question.Question = []dns.Question{{Name: about.name, Qtype: about.kind, Qclass: dns.ClassINET}}
	question.Extra = []dns.RR{edns(about.signed)}
	answer, err := askBy(ctx, "udp", server, question)
	if err == nil && answer.Truncated {
		answer, err = askBy(ctx, "tcp", server, question)
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", server, err)
	}
	foreign := func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT || rr.Header().Rrtype == dns.TypeTSIG }
	answer.Extra = slices.DeleteFunc(answer.Extra, foreign)
	return answer, nil
}

func askBy(ctx context.Context, network string, server netip.AddrPort, question *dns.Msg) (*dns.Msg, error) {
	raw, err := new(net.Dialer).DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	conn := &dns.Conn{Conn: raw, UDPSize: mostSize}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
	if err := conn.WriteMsg(question); err != nil {
		return nil, err
	}
	for range mostDatagrams {
		answer, err := conn.ReadMsg()
		switch {
		case err == nil && answers(answer, question):
			return answer, nil
		case errors.As(err, new(net.Error)):
			return nil, err
		}
	}
	return nil, errors.New("what came was no answer")
}

// answers reports whether a message is the answer to a question.
func answers(answer, question *dns.Msg) bool {
	if answer == nil || !answer.Response || answer.Id != question.Id || len(answer.Question) != 1 {
		return false
	}
	got, want := answer.Question[0], question.Question[0]
	return strings.EqualFold(got.Name, want.Name) && got.Qtype == want.Qtype && got.Qclass == want.Qclass
}
