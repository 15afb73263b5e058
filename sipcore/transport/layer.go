// Package transport carries SIP messages over UDP, TCP, TLS and WebSocket (RFC
// 7118), IPv4 and IPv6. It listens, connects, cuts streams into messages (RFC 3261
// section 18) and hands them over in the order of each flow; it answers
// keep-alives (RFC 5626) and keeps one slow or hostile peer from costing anybody else. It knows message,
// but neither transactions nor names: whom to send to is decided elsewhere, and
// package sipcore connects its Handler with the transaction layer.
//
// Rules that every file here obeys:
//
//   - One goroutine reads a connection or a UDP socket, takes each message to
//     its end before the next, and never waits but for bytes. Only what is too
//     much for one core is divided, by sender.
//   - Sending never blocks. A connection has a second goroutine only while
//     something is queued on it.
//   - Whatever a peer can make grow has a limit, and passing it costs that peer
//     its flow, nothing else.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A Layer is the listeners and flows of one node. Its methods may be called by
// any number of goroutines.
type Layer struct {
	opts    Options
	logger  *slog.Logger
	handler Handler // set by Run before anything is received
	count   counts
	ids     *counter
	own     *addresses
	conns   *table
	dials   dials
	held    held
	buffers buffers // of readers
	panics  limiter // of log lines that peers can cause
	refused limiter
	origins limiter

	tlsSIP, tlsWeb *tls.Config
	browsers       browsers
	also           also
	deaf           deaf

	udp    []*udpSocket // at most one per address family
	doors  []door
	closed atomic.Bool // read by every UDP send

	mu     sync.Mutex // guards phase, and wg against adding while it waits
	phase  phase
	wg     sync.WaitGroup
	asked  chan struct{}   // closed by Close
	alive  context.Context // done when Run begins to end; the parent of what we start
	die    context.CancelFunc
	halted chan struct{} // closed when Run has ended
}

// phase is where a Layer is in its one life.
type phase int

const (
	opened phase = iota
	running
	ended
)

// Open binds the UDP, TCP and TLS sockets; it starts nothing. Connections that come
// before Run wait in the kernel.
func Open(o Options) (*Layer, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("opening SIP transport: %w", err)
	}
	l := &Layer{
		opts: o, logger: o.Logger.With("component", "transport"),
		ids: newCounter(), own: newAddresses(o.Addr), conns: newTable(o.MaxConns, o.MaxConnsPerIP),
		held: held{limit: o.MaxBytes}, dials: dials{to: make(map[farEnd]*dial)},
		tlsSIP: newTLS(o.Certificate), tlsWeb: newTLS(o.Certificate, "http/1.1"),
		asked: make(chan struct{}), halted: make(chan struct{}),
	}
	if err := l.listen(); err != nil {
		l.closeSockets()
		return nil, err
	}
	return l, nil
}

// Run receives until ctx is done or Close is called, and returns when every
// flow is closed and every goroutine of the layer has ended. It runs once.
func (l *Layer) Run(ctx context.Context, h Handler) error {
	if err := l.begin(ctx, h); err != nil {
		return err
	}
	defer close(l.halted)
	for _, s := range l.udp {
		l.spawn(s.serve)
	}
	for _, d := range l.doors {
		l.spawn(func() { l.accept(d.TCPListener, d.kind) }) //nolint:contextcheck // greet wakes a handshake by its deadline
	}
	l.serveBrowsers() //nolint:contextcheck // as above
	l.spawn(l.watchAddresses)
	l.spawn(l.pingBrowsers)
	select {
	case <-l.alive.Done():
	case <-l.asked:
	}
	l.end()
	return nil
}

// Close ends Run and waits for it: what is queued gets a moment to leave, then
// all flows and sockets are closed. It may be called more than once, but not
// from a Handler.
func (l *Layer) Close() error {
	l.mu.Lock()
	select {
	case <-l.asked:
	default:
		close(l.asked)
	}
	idle := l.phase == opened
	if idle {
		l.phase = ended
		close(l.halted)
	}
	l.mu.Unlock()
	if idle {
		l.closeSockets()
	}
	<-l.halted
	return nil
}

// begin enters the running phase.
func (l *Layer) begin(ctx context.Context, h Handler) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != opened {
		return errors.New("running SIP transport: it has run already")
	}
	l.handler, l.phase = h, running
	l.alive, l.die = context.WithCancel(ctx)
	return nil
}

// end stops receiving, closes the connections, and then the UDP sockets: until
// the last Handler has returned, its answers can still leave.
func (l *Layer) end() {
	l.mu.Lock()
	l.phase = ended
	l.mu.Unlock()
	l.die()
	l.closeListeners()
	for _, s := range l.udp {
		s.stopReading()
	}
	l.also.end()
	l.conns.each((*conn).close)
	l.wg.Wait()
	l.closeSockets()
}

// spawn runs f in a goroutine that Run waits for; it reports false, and does
// not, unless the layer is running.
func (l *Layer) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != running {
		return false
	}
	l.wg.Go(f)
	return true
}

// isRunning reports whether Run is between its beginning and its end.
func (l *Layer) isRunning() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.phase == running
}

// sleep waits for d, or less if the layer ends; for accept and read errors.
func (l *Layer) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.alive.Done():
	}
}

func (l *Layer) closeListeners() {
	for _, d := range l.doors {
		_ = d.Close() // nothing is lost with a listener
	}
	l.browsers.close()
}

func (l *Layer) closeSockets() {
	l.closed.Store(true)
	l.closeListeners()
	for _, s := range l.udp {
		_ = s.pc.Close() // datagrams are not buffered by us
	}
	l.also.close()
}

// UDP returns the flow to remote from our own UDP socket of its family. If the
// layer listens on all addresses, the kernel is asked which one faces remote;
// UDPFrom saves asking where it is known. It never blocks.
func (l *Layer) UDP(remote netip.AddrPort) (Flow, bool) {
	remote = plain(remote)
	s := l.socketFor(remote.Addr())
	if s == nil {
		return Flow{}, false
	}
	p, ok := s.facing(remote)
	return Flow{carrier: p, remote: remote}, ok
}

// UDPFrom returns the UDP flow between two addresses, such as those a binding
// was registered with. It is false if local is not, or no longer, an address
// and port of ours.
func (l *Layer) UDPFrom(local, remote netip.AddrPort) (Flow, bool) {
	local, remote = plain(local), plain(remote)
	s := l.socketAt(local.Addr(), remote.Addr())
	if s == nil || local.Port() != l.opts.Port || local.Addr().Is4() != remote.Addr().Is4() || !l.IsOwn(local.Addr()) {
		return Flow{}, false
	}
	return Flow{carrier: s.point(local.Addr()), remote: remote}, true
}

// Find returns the open stream flow of the given ID.
func (l *Layer) Find(id uint64) (Flow, bool) {
	c := l.conns.find(id)
	if c == nil || !c.open() {
		return Flow{}, false
	}
	return c.flow(), true
}

// IsOwn reports whether we listen on addr. When listening on all addresses,
// one that the machine got within the last seconds may not be known yet, unless
// something has come to it.
func (l *Layer) IsOwn(addr netip.Addr) bool { return l.own.has(addr.Unmap()) }

// Port returns the port that the layer listens on for UDP and TCP.
func (l *Layer) Port() uint16 { return l.opts.Port }

// Ports returns all ports that the layer listens on, or may.
func (l *Layer) Ports() Ports {
	return Ports{SIP: l.opts.Port, TLS: l.opts.TLSPort, WS: l.opts.WSPort, WSS: l.opts.WSSPort}
}

// Counters returns what the layer has done so far.
func (l *Layer) Counters() Counters {
	return Counters{
		UDP: l.count.of(UDP), TCP: l.count.of(TCP), Node: l.count.of(Node),
		TLS: l.count.of(TLS), WS: l.count.of(WS), WSS: l.count.of(WSS),
		Open: l.conns.len(), Held: l.held.bytes.Load(),
		Dropped: l.count.drops(), Panics: l.count.panics.Load(),
	}
}
