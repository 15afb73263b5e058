// Package dnsserver answers DNS questions about the domain of the system, so that
// phones find their servers (RFC 3263) and lose none when a node or a line is gone:
// NAPTR, SRV and addresses of the nodes that live, for the site from which it is
// asked. Each node makes the zone itself from its View, so that an answer never
// waits for a line. Names outside the domain are refused, or asked of others for
// phones that use the node as their resolver.
package dnsserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"carillon/store"
)

const (
	leastSize    = 512  // bytes of an answer to somebody without EDNS (RFC 1035)
	mostSize     = 1232 // bytes that arrive unfragmented everywhere (DNS flag day 2020)
	tcpSilence   = 5 * time.Second
	tcpQueries   = 100 // of a connection
	mostTCP      = 200 // connections at a time
	mostTCPOfOne = 20  // of them, of one source
)

// Options is what a Server must be told; all of it is required but Site.
type Options struct {
	At     netip.AddrPort                 // where it listens; without an address, on all
	Site   string                         // that this node stands at: what it is told that asks itself
	View   func() *store.View             // of now
	Serves func(node string) (lives bool) // whether phones may be sent to a node
	Logger *slog.Logger

	patience time.Duration // with a server that is asked; 0: the usual one
}

// A Server listens on UDP and TCP. Use Open to make one. Its methods may be called
// by many at a time.
type Server struct {
	o       Options
	own     netip.Addr // where it listens
	socket  *socket
	tcp     *dns.Server
	limit   limiter
	deaf    atomic.Pointer[func(from netip.Addr) bool] // see Deafen
	zones   zones
	forward forwarder
	running context.Context //nolint:containedctx // dns.Handler has none to give

	counts struct{ answered, forwarded, refused, limited, malformed atomic.Uint64 }
}

// Counters are what became of questions since the start.
type Counters struct {
	Answered  uint64 // with records or without
	Forwarded uint64 // to other servers, or answered with what they said before
	Refused   uint64 // names that are not ours, and zone transfers
	Limited   uint64 // dropped, or answered so that they come again by TCP
	Malformed uint64
}

// Open binds the port, UDP and TCP; nobody is answered before Run. Its error says
// what to do about a port that needs permission.
func Open(ctx context.Context, o Options) (*Server, error) {
	s := &Server{o: o, own: o.At.Addr()}
	s.forward.patience, s.forward.log = cmp.Or(o.patience, patience), o.Logger
	var err error
	if s.socket, err = openSocket(ctx, o.At, s.listensOnAll()); err != nil {
		return nil, fmt.Errorf("listening for DNS: %w", permitted(err, o.At))
	}
	streams, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening for DNS: %w", permitted(err, s.Addr())), s.socket.Close())
	}
	s.tcp = &dns.Server{
		Listener: bounded(streams, mostTCP, mostTCPOfOne), Handler: s, MsgInvalidFunc: s.invalid,
		ReadTimeout: tcpSilence, WriteTimeout: tcpSilence, IdleTimeout: func() time.Duration { return tcpSilence }, MaxTCPQueries: tcpQueries,
	}
	return s, nil
}

func (s *Server) listensOnAll() bool { return !s.own.IsValid() || s.own.IsUnspecified() }

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
func (s *Server) Addr() netip.AddrPort {
	return s.socket.addr
}

// Run answers until ctx ends, and gives the port back.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.running = ctx
	var byUDP sync.WaitGroup
	byUDP.Go(func() { s.serveUDP(ctx) })
	context.AfterFunc(ctx, func() { _ = s.Close() })
	err := unlessClosed(s.tcp.ActivateAndServe())
	cancel()
	err = errors.Join(err, s.Close())
	byUDP.Wait()
	s.forward.wg.Wait()
	return err
}

// Close gives the port back; it may be called without Run, and more than once.
func (s *Server) Close() error {
	return errors.Join(s.socket.Close(), unlessClosed(s.tcp.Listener.Close()))
}

func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Deafen has the server behave as if the line to some addresses were cut: who asks
// from there hears nothing. nil ends it. to is called for each question.
func (s *Server) Deafen(to func(from netip.Addr) bool) {
	if to == nil {
		s.deaf.Store(nil)
		return
	}
	s.deaf.Store(&to)
}

func (s *Server) isDeaf(from netip.Addr) bool {
	to := s.deaf.Load()
	return to != nil && (*to)(from)
}

// Counters returns what became of questions until now.
func (s *Server) Counters() Counters {
	return Counters{
		Answered: s.counts.answered.Load(), Forwarded: s.counts.forwarded.Load(), Refused: s.counts.refused.Load(),
		Limited: s.counts.limited.Load(), Malformed: s.counts.malformed.Load(),
	}
}

func (s *Server) invalid([]byte, error) { s.counts.malformed.Add(1) }

// ServeDNS answers one message that came by TCP. It implements [dns.Handler].
func (s *Server) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	v, from := s.o.View(), addrOf(w.RemoteAddr()).Addr().Unmap()
	if s.isDeaf(from) {
		return
	}
	answer := s.reply(v, s.askerOf(v, from), question)
	if answer == nil {
		answer = s.forward.now(s.running, v.Forward(), from, question)
	}
	if err := w.WriteMsg(answer); err != nil {
		s.o.Logger.Debug("a DNS answer was not sent", "to", from, "error", err)
	}
}

// reply returns the answer to a question, nil if others are to be asked. A panic
// costs one answer.
func (s *Server) reply(v *store.View, who asker, question *dns.Msg) (answer *dns.Msg) {
	defer func() {
		if r := recover(); r != nil {
			s.o.Logger.Error("a DNS question was not answered", "panic", r)
			answer = new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
		}
	}()
	who, subnet := who.behind(v, question)
	z := s.zone(v, who.site, time.Now())
	if who.forwards && isForwarded(question) && !z.holds(question.Question[0]) {
		s.counts.forwarded.Add(1)
		return nil
	}
	answer = z.reply(question)
	answer.RecursionAvailable = who.forwards
	if opt := answer.IsEdns0(); opt != nil && subnet != nil {
		opt.Option = append(opt.Option, subnet)
	}
	switch answer.Rcode {
	case dns.RcodeRefused:
		s.counts.refused.Add(1)
	case dns.RcodeFormatError:
		s.counts.malformed.Add(1)
	default:
		s.counts.answered.Add(1)
	}
	return answer
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

func addrOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort()
	case *net.TCPAddr:
		return a.AddrPort()
	}
	return netip.AddrPort{}
}
