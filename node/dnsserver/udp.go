package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"

	"carillon/store"
)

// A datagram is a question that came by UDP.
type datagram struct {
	packet []byte
	from   netip.AddrPort
	origin func() origin // for who answers later
	quick  *quick        // room to read it
	room   []byte        // and for its answer
}

// A reader reads the port.
type reader struct {
	*Server

	batch *batch
	quick quick
	rooms [batchSize][mostSize]byte // for answers
}

// serveUDP answers datagrams one after the other until the port is closed. What is
// asked of others is answered by goroutines of their own, which are bounded.
func (s *Server) serveUDP(ctx context.Context) {
	r := &reader{Server: s, batch: newBatch()}
	var p pace
	for {
		now := time.Now()
		err := s.socket.run(r.batch, func(i int) []byte { return r.answer(ctx, i, now) })
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil: // a network that is down: it must not take the whole processor
			s.o.Logger.Debug("DNS answers were not sent", "error", err)
			time.Sleep(time.Millisecond)
		case r.batch.got == batchSize:
		case p.gathers(r.batch.got, now):
			time.Sleep(breath)
		default:
			_ = s.socket.wait() // closed: the next run says so
		}
	}
}

// answer answers the i-th datagram of the batch.
func (r *reader) answer(ctx context.Context, i int, now time.Time) []byte {
	return r.answerUDP(ctx, &datagram{
		packet: r.batch.question(i), from: sourceOf(&r.batch.from[i]), origin: func() origin { return r.batch.origin(i) },
		quick: &r.quick, room: r.rooms[i][:0],
	}, now)
}

// answerUDP returns the answer to a datagram, nil for none or for one that comes
// later. A panic costs one answer.
func (s *Server) answerUDP(ctx context.Context, d *datagram, now time.Time) (answer []byte) {
	defer func() {
		if r := recover(); r != nil {
			s.o.Logger.Error("a DNS question was not answered", "panic", r)
			answer = nil
		}
	}()
	v, from := s.o.View(), d.from.Addr().Unmap()
	if s.isDeaf(from) {
		return nil
	}
	who := s.askerOf(v, from)
	common := d.quick.read(d.packet)
	switch s.limit.take(from, who.known, now) {
	case passed:
	case slipped:
		s.counts.limited.Add(1)
		if !common {
			return nil
		}
		return d.quick.comeByTCP(d.room, d.packet)
	default:
		s.counts.limited.Add(1)
		return nil
	}
	if common && (!who.resolver || !d.quick.options) {
		if packed := s.zone(v, who.site, now).packedFor(d.quick); packed != nil {
			s.counts.answered.Add(1)
			return d.quick.fits(d.room, packed, d.packet, who.forwards)
		}
	}
	return s.answerLong(ctx, v, who, d)
}

// answerLong answers what is no common question.
func (s *Server) answerLong(ctx context.Context, v *store.View, who asker, d *datagram) []byte {
	question, refusal := s.read(d.packet)
	if question == nil {
		return refusal
	}
	if answer := s.reply(v, who, question); answer != nil {
		return pack(answer, question)
	}
	to := d.origin()
	return pack(s.forward.later(ctx, v.Forward(), d.from.Addr(), question, func(answer *dns.Msg) {
		if err := s.socket.send(pack(answer, question), &to); err != nil {
			s.o.Logger.Debug("a DNS answer was not sent", "to", sourceOf(&to.from), "error", err)
		}
	}), question)
}

// read returns the question of a packet, or the refusal of what is none; neither
// for what must not be answered at all.
func (s *Server) read(p []byte) (*dns.Msg, []byte) {
	if len(p) < headerSize {
		s.counts.malformed.Add(1)
		return nil, nil
	}
	h := dns.Header{
		Id: binary.BigEndian.Uint16(p), Bits: binary.BigEndian.Uint16(p[2:]), Qdcount: binary.BigEndian.Uint16(p[4:]),
		Ancount: binary.BigEndian.Uint16(p[6:]), Nscount: binary.BigEndian.Uint16(p[8:]), Arcount: binary.BigEndian.Uint16(p[10:]),
	}
	refusal := &dns.Msg{MsgHdr: dns.MsgHdr{Id: h.Id, Response: true, Rcode: dns.RcodeFormatError}}
	switch dns.DefaultMsgAcceptFunc(h) {
	case dns.MsgAccept:
		question := new(dns.Msg)
		if question.Unpack(p) == nil {
			return question, nil
		}
		s.counts.malformed.Add(1)
	case dns.MsgReject:
	case dns.MsgIgnore: // an answer: two servers must not talk for ever
		return nil, nil
	case dns.MsgRejectNotImplemented:
		refusal.Opcode, refusal.Rcode = int(h.Bits>>11&0xF), dns.RcodeNotImplemented
	}
	packed, _ := refusal.Pack() // a header always packs
	return nil, packed
}

// pack makes a datagram of an answer, as large as the client takes; nil if there
// is none.
func pack(answer, question *dns.Msg) []byte {
	if answer == nil {
		return nil
	}
	fit(answer, question)
	packed, err := answer.Pack()
	if err != nil {
		packed, _ = new(dns.Msg).SetRcode(question, dns.RcodeServerFailure).Pack()
	}
	return packed
}
