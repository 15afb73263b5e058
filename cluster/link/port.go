package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a port needs to know.
type Options struct {
	Listen   netip.AddrPort // TCP and UDP; port 0: any, the same for both
	Identity Identity       // at first: see Use
	Logger   *slog.Logger   // nil: silent
	// Revoked is asked at every handshake, dialled or accepted, whether what the
	// other shows does not count; nil: it does. Whether a certificate has ended is
	// asked here alone.
	Revoked func(Shown) bool
	// Unlisted is asked likewise whether the key is that of no node: who shows it is
	// turned away and not told why, as he may only have come too early; nil: none is.
	Unlisted func(Shown) bool
	// OnOutcast is called, now and then, when a node has said that our own
	// certificate is revoked; nil: nobody asks.
	OnOutcast func(by string)
	// OnJoin admits a node: it consumes the token that has the hash (see
	// Token.Hash) and issues a certificate for r.CSR. Its error is a refusal
	// whose text both sides read; one that wraps ErrLater lets the other try
	// again. nil: nobody joins here.
	OnJoin func(ctx context.Context, tokenHash string, r Request) (Welcome, error)
}

// A Port is a node's side of every link. Its methods are safe for concurrent
// use; Handle, HandlePacket and HandleAsk are called before Run.
type Port struct {
	options  Options
	face     atomic.Pointer[face]
	log      *slog.Logger
	tcp      *net.TCPListener
	udp      *net.UDPConn
	address  netip.AddrPort
	handlers map[string]func(context.Context, net.Conn, Peer)
	counts   counts
	door     *door
	conns    *conns
	ledger   ledger
	verifier *verifier
	pairs    *pairs
	asks     *asks
	through  *asks // what is asked while the port is deaf
	deaf     deafness

	ctx    context.Context //nolint:containedctx // ends with the port, for what is under way
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	asked  time.Time // last, why we were turned away
}

// Open takes the port of both protocols. Nothing is accepted before Run.
func Open(o Options) (*Port, error) {
	if o.Identity.certificate == nil {
		return nil, errors.New("opening the cluster port: the node has no identity")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Port{
		options:  o,
		log:      o.Logger.With("component", "link"),
		handlers: map[string]func(context.Context, net.Conn, Peer){},
		door:     newDoor(),
		verifier: newVerifier(o.Identity.authority),
	}
	p.counts.log = p.log
	p.conns = newConns(&p.counts, &p.ledger)
	p.conns.deaf = &p.deaf
	p.conns.unwelcome = p.unwelcome
	if err := p.listen(o.Listen); err != nil {
		return nil, fmt.Errorf("opening the cluster port %s: %w", o.Listen, err)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.pairs = newPairs(o.Identity)
	p.show(o.Identity)
	p.asks, p.through = newAsks(p, ProtocolAsk), newAsks(p, ProtocolThrough)
	p.Handle(ProtocolAsk, p.asks.serve)
	p.Handle(ProtocolThrough, p.through.serve)
	p.Handle(protocolMeet, func(_ context.Context, c net.Conn, _ Peer) { _ = c.Close() })
	return p, nil
}

func (p *Port) listen(at netip.AddrPort) (err error) {
	if p.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at)); err != nil {
		return err
	}
	p.address = netip.AddrPortFrom(at.Addr(), p.tcp.Addr().(*net.TCPAddr).AddrPort().Port())
	if p.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(p.address)); err != nil {
		_ = p.tcp.Close()
		return err
	}
	_ = p.udp.SetReadBuffer(1 << 20) // as much as the system gives
	return nil
}

// Address is where the port listens.
func (p *Port) Address() netip.AddrPort { return p.address }

// Peer is this node, as the others see it.
func (p *Port) Peer() Peer { return p.identity().peer }

// Handle gives the connections of a protocol to h, each in a goroutine of its
// own. The connection belongs to h, which closes it, also after returning if it
// likes; the port closes those still open when it closes, and then ends ctx.
func (p *Port) Handle(protocol string, h func(ctx context.Context, c net.Conn, from Peer)) {
	p.handlers[protocol] = h
}

// Run serves until ctx ends or the port is closed. It returns when every
// handler has.
func (p *Port) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, p.shut)
	defer stop()
	p.start(p.readPackets)
	err := p.accept() //nolint:contextcheck // connections end with the port, which ends with ctx
	p.shut()
	p.work.Wait()
	return err
}

// Close ends everything that is open and what waits for it. It returns when
// every handler has.
func (p *Port) Close() error {
	p.shut()
	p.work.Wait()
	return nil
}

func (p *Port) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.cancel()
	_ = p.tcp.Close()
	_ = p.udp.Close()
	p.conns.closeAll()
}

// start runs f in a goroutine that Close waits for; not after Close.
func (p *Port) start(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.work.Go(f)
	return true
}

// Disconnect closes what is open to a node and forgets its keys.
func (p *Port) Disconnect(node string) {
	p.conns.closeNode(node)
	p.pairs.forget(node)
}

// Review closes what is open to whom would not be let in any more.
func (p *Port) Review() {
	for _, c := range p.conns.all() {
		if _, err := p.check(c.ConnectionState().PeerCertificates); err != nil {
			p.conns.close(c)
		}
	}
	for _, r := range p.pairs.all() {
		if p.outcast(r) {
			p.pairs.forget(r.node)
		}
	}
}

// HangUp closes what is open to a node, whoever opened it: who waits for an
// answer over a line that is dead knows at once. It may be dialled again.
func (p *Port) HangUp(node string) { p.conns.closeNode(node) }

// Counters says how often who was turned away, and by whom this node was.
func (p *Port) Counters() Counters { return p.counts.read() }

// check is asked at every handshake, resumed ones too, about the other's
// certificate.
func (p *Port) check(chain []*x509.Certificate) (Peer, error) {
	if len(chain) == 0 {
		return Peer{}, fmt.Errorf("%w: there is none", ErrForeign)
	}
	peer, err := p.verifier.check(chain[0])
	if err != nil {
		return Peer{}, err
	}
	shown := Shown{
		Peer: peer, Key: keyFingerprint(chain[0]), Certificate: CertificateFingerprint(chain[0].Raw), Ends: chain[0].NotAfter,
	}
	switch {
	case p.options.Revoked != nil && p.options.Revoked(shown):
		return Peer{}, fmt.Errorf("%s: %w", peer.Node, ErrRevoked)
	case p.options.Unlisted != nil && p.options.Unlisted(shown):
		return Peer{}, fmt.Errorf("%s, a %s: %w", peer.Node, peer.Role, ErrUnlisted)
	}
	return peer, nil
}

// met keeps what a completed handshake proved.
func (p *Port) met(c *tls.Conn) (Peer, error) {
	chain := c.ConnectionState().PeerCertificates
	peer, err := p.check(chain)
	if err != nil {
		return Peer{}, err
	}
	return peer, p.pairs.learn(peer.Node, chain[0])
}

// pause is how long the port rests after an error of accepting, such as no
// file descriptors left.
const pause = 50 * time.Millisecond
