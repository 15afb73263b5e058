// Package dnsserver answers DNS questions about the domain of the system, so that
// phones find their servers (RFC 3263) and lose none when a node or a line is gone:
// NAPTR, SRV and addresses of the nodes that live, for the site from which it is
// asked. Each node makes the zone itself from its View, so that an answer never
// waits for a line. Names outside the domain are refused.
package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"carillon/store"
)

const (
	zoneLife   = 500 * time.Millisecond // before the zone is made again: a node that drains or dies leaves it
	leastSize  = 512                    // bytes of an answer to somebody without EDNS (RFC 1035)
	mostSize   = 1232                   // bytes that arrive unfragmented everywhere (DNS flag day 2020)
	tcpSilence = 5 * time.Second
	tcpQueries = 100 // of a connection
	mostTCP    = 200 // connections at a time
)

// Options is what a Server must be told; all of it is required but Site.
type Options struct {
	At     netip.AddrPort                 // where it listens; without an address, on all
	Site   string                         // that this node stands at: what it is told that asks itself
	View   func() *store.View             // of now
	Serves func(node string) (lives bool) // whether phones may be sent to a node
	Logger *slog.Logger
}

// A Server listens on UDP and TCP. Use Open to make one. Its methods may be called
// by many at a time.
type Server struct {
	o        Options
	udp, tcp *dns.Server
	limit    limiter

	mu    sync.Mutex
	made  *store.View // the zones are of
	until time.Time
	zones map[string]*zone

	counts struct{ answered, refused, limited, malformed atomic.Uint64 }
}

// Counters are what became of questions since the start.
type Counters struct {
	Answered  uint64 // with records or without
	Refused   uint64 // names that are not ours, and zone transfers
	Limited   uint64 // dropped, or answered so that they come again by TCP
	Malformed uint64
}

// Open binds the port, UDP and TCP; nobody is answered before Run. Its error says
// what to do about a port that needs permission.
func Open(ctx context.Context, o Options) (*Server, error) {
	s := &Server{o: o, zones: map[string]*zone{}}
	var listening net.ListenConfig
	packets, err := listening.ListenPacket(ctx, "udp", o.At.String())
	if err != nil {
		return nil, fmt.Errorf("listening for DNS: %w", permitted(err, o.At))
	}
	at := netip.AddrPortFrom(o.At.Addr(), addrOf(packets.LocalAddr()).Port())
	streams, err := listening.Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening for DNS: %w", permitted(err, at)), packets.Close())
	}
	s.udp = &dns.Server{PacketConn: packets, Handler: s, UDPSize: mostSize, MsgInvalidFunc: s.invalid}
	s.tcp = &dns.Server{
		Listener: bounded(streams, mostTCP), Handler: s, MsgInvalidFunc: s.invalid,
		ReadTimeout: tcpSilence, WriteTimeout: tcpSilence, IdleTimeout: func() time.Duration { return tcpSilence }, MaxTCPQueries: tcpQueries,
	}
	return s, nil
}

// permitted says what to do about a port that cannot be had.
func permitted(err error, at netip.AddrPort) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program answers there (`ss -lntup` names it): stop it, or give --dns another address", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this machine does not have that address; `ip address` shows those it has", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need permission: start as root, or `setcap cap_net_bind_service=+ep` the program, "+
			"or take a port above, as --dns %s", err, netip.AddrPortFrom(at.Addr(), 5353)) //nolint:mnd // an example
	}
	return err
}

// Addr returns where the server listens.
func (s *Server) Addr() netip.AddrPort { return addrOf(s.udp.PacketConn.LocalAddr()) }

// Run answers until ctx ends, and gives the port back.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 2) //nolint:mnd // two transports
	go func() { done <- s.udp.ActivateAndServe() }()
	go func() { done <- s.tcp.ActivateAndServe() }()
	select {
	case err := <-done:
		return errors.Join(err, s.Close(), <-done)
	case <-ctx.Done():
		_ = s.Close()
		return errors.Join(unlessClosed(<-done), unlessClosed(<-done))
	}
}

// Close gives the port back; it may be called without Run, and more than once.
func (s *Server) Close() error {
	return errors.Join(unlessClosed(s.udp.PacketConn.Close()), unlessClosed(s.tcp.Listener.Close()))
}

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Counters returns what became of questions until now.
func (s *Server) Counters() Counters {
	return Counters{
		Answered: s.counts.answered.Load(), Refused: s.counts.refused.Load(),
		Limited: s.counts.limited.Load(), Malformed: s.counts.malformed.Load(),
	}
}

func (s *Server) invalid([]byte, error) { s.counts.malformed.Add(1) }

// ServeDNS answers one message. It implements [dns.Handler].
func (s *Server) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	from := addrOf(w.RemoteAddr()).Addr().Unmap()
	_, datagram := w.RemoteAddr().(*net.UDPAddr)
	answer := s.reply(from, question, datagram)
	if answer == nil {
		return
	}
	if err := w.WriteMsg(answer); err != nil {
		s.o.Logger.Debug("a DNS answer was not sent", "to", from, "error", err)
	}
}

// reply returns the answer to a question, nil for none. A panic costs one answer.
func (s *Server) reply(from netip.Addr, question *dns.Msg, datagram bool) (answer *dns.Msg) {
	defer func() {
		if r := recover(); r != nil {
			s.o.Logger.Error("a DNS question was not answered", "panic", r)
			answer = new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
		}
	}()
	v := s.o.View()
	network := v.Network(from)
	answer = new(dns.Msg).SetReply(question)
	answer.Compress = true
	if datagram {
		switch s.limit.take(from, network.Known, time.Now()) {
		case passed:
		case dropped:
			s.counts.limited.Add(1)
			return nil
		case slipped:
			s.counts.limited.Add(1)
			answer.Truncated = true
			return answer
		}
	}
	s.fill(answer, question, v, s.siteOf(from, network))
	if datagram {
		fit(answer, question)
	}
	return answer
}

// siteOf returns for whom a question is answered.
func (s *Server) siteOf(from netip.Addr, network store.Network) string {
	if network.Site == "" && (from.IsLoopback() || from == s.Addr().Addr()) {
		return s.o.Site
	}
	return network.Site
}

// fill answers the one question that a message has.
func (s *Server) fill(answer, question *dns.Msg, v *store.View, site string) {
	if opt := question.IsEdns0(); opt != nil {
		answer.SetEdns0(mostSize, false)
		if opt.Version() != 0 {
			answer.Rcode = dns.RcodeBadVers
			return
		}
	}
	if len(question.Question) != 1 {
		s.counts.malformed.Add(1)
		answer.Rcode = dns.RcodeFormatError
		return
	}
	own := answer.Extra
	answer.Extra = nil
	s.zone(v, site).answer(answer, question.Question[0])
	answer.Extra = append(answer.Extra, own...)
	if answer.Rcode == dns.RcodeRefused {
		s.counts.refused.Add(1)
	} else {
		s.counts.answered.Add(1)
	}
}

// fit makes an answer small enough for a datagram: what was not asked for goes
// first, then the client is told to come by TCP.
func fit(answer, question *dns.Msg) {
	size := leastSize
	if opt := question.IsEdns0(); opt != nil {
		size = min(max(int(opt.UDPSize()), leastSize), mostSize)
	}
	if answer.Len() <= size {
		return
	}
	opt := answer.IsEdns0()
	answer.Extra = nil
	if opt != nil {
		answer.Extra = []dns.RR{opt}
	}
	answer.Truncate(size)
}

// zone returns what a site is told, as it was half a second ago at most.
func (s *Server) zone(v *store.View, site string) *zone {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); v != s.made || now.After(s.until) {
		s.made, s.until = v, now.Add(zoneLife)
		clear(s.zones)
	}
	z := s.zones[site]
	if z == nil {
		z = newZone(v, site, s.o.Serves)
		s.zones[site] = z
	}
	return z
}

func addrOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort()
	case *net.TCPAddr:
		return a.AddrPort()
	}
	return netip.AddrPort{}
}
