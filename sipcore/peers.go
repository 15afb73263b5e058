package sipcore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"carillon/sipcore/transport"
)

// Peers are the other nodes, as far as SIP needs them. Its methods are called
// by many goroutines; all but Dial must not wait.
type Peers interface {
	// Dial opens a connection for SIP to a node. Both ends have shown who they
	// are when it returns.
	Dial(ctx context.Context, node string) (net.Conn, error)
	// NodeAt returns the node that listens for SIP on addr, on the same port as
	// this one.
	NodeAt(addr netip.Addr) (node string, ok bool)
	// Relays returns the nodes to go through when there is no direct way, best
	// first; this node may be among them.
	Relays() []string
}

const (
	// connectTimeout is how long a direct connection to a node may take.
	connectTimeout = 1500 * time.Millisecond
	// redialAfter is how long a node that was not reached is not tried again:
	// sessions between nodes redial as often, and calls come more often.
	redialAfter = 2 * time.Second
)

var (
	errResting = errors.New("it was silent a moment ago")
	errAlone   = errors.New("this node knows no other")
)

// nobody is the Peers of a node that stands alone.
type nobody struct{}

func (nobody) Dial(context.Context, string) (net.Conn, error) { return nil, errAlone }
func (nobody) NodeAt(netip.Addr) (string, bool)               { return "", false }
func (nobody) Relays() []string                               { return nil }

// pool keeps the flows to other nodes, opened by either side. It implements
// [proxy.Peers].
type pool struct {
	Peers
	transport *transport.Layer
	dials     singleflight.Group

	mu      sync.Mutex // guards all below
	flows   map[string][]transport.Flow
	closed  map[transport.Flow]chan struct{}
	resting map[string]time.Time
}

func newPool(peers Peers, l *transport.Layer) *pool {
	return &pool{
		Peers: peers, transport: l,
		flows:   make(map[string][]transport.Flow),
		closed:  make(map[transport.Flow]chan struct{}),
		resting: make(map[string]time.Time),
	}
}

// Flow returns an open flow to a node; it never waits.
func (p *pool) Flow(node string) (transport.Flow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.flows[node] {
		if f.IsOpen() {
			return f, true
		}
	}
	return transport.Flow{}, false
}

// Connect returns an open flow to a node, and opens one if need be. Who wants
// the same one at once waits for one.
func (p *pool) Connect(ctx context.Context, node string) (transport.Flow, error) {
	result, err, _ := p.dials.Do(node, func() (any, error) { return p.dial(ctx, node) })
	if err != nil {
		return transport.Flow{}, fmt.Errorf("connecting to node %s: %w", node, err)
	}
	return result.(transport.Flow), nil //nolint:forcetypeassert // dial returns nothing else
}

func (p *pool) dial(ctx context.Context, node string) (transport.Flow, error) {
	if f, ok := p.Flow(node); ok {
		return f, nil
	}
	if p.rests(node) {
		return transport.Flow{}, errResting
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	nc, err := p.Dial(ctx, node)
	if err != nil {
		p.Rest(node)
		return transport.Flow{}, err //nolint:wrapcheck // Connect says what for
	}
	f, _, err := p.adopt(nc, node)
	return f, err
}

// adopt makes a flow of a connection to node. The channel is closed with it.
func (p *pool) adopt(nc net.Conn, node string) (transport.Flow, <-chan struct{}, error) {
	f, err := p.transport.Adopt(nc, node)
	if err != nil {
		return transport.Flow{}, nil, errors.Join(err, nc.Close())
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.flows[node] = append(p.flows[node], f)
	p.closed[f] = done
	delete(p.resting, node)
	p.mu.Unlock()
	if !f.IsOpen() { // its end may have come before we knew it
		p.gone(f)
	}
	return f, done, nil
}

// gone forgets a flow that has closed.
func (p *pool) gone(f transport.Flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := p.closed[f]
	if done == nil {
		return
	}
	close(done)
	delete(p.closed, f)
	left := slices.DeleteFunc(p.flows[f.Node()], func(other transport.Flow) bool { return other == f })
	if len(left) == 0 {
		delete(p.flows, f.Node())
		return
	}
	p.flows[f.Node()] = left
}

func (p *pool) rests(node string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.resting[node]
	return ok && time.Since(at) < redialAfter
}

// Rest lets nobody connect to a node for a while.
func (p *pool) Rest(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting[node] = time.Now()
}

// Serve speaks SIP on a connection that another node opened to us and that was
// checked: from then on it is the server's. It returns when the connection has
// ended, or ctx, which ends it.
func (s *Server) Serve(ctx context.Context, nc net.Conn, node string) {
	f, done, err := s.peers.adopt(nc, node)
	if err != nil {
		s.o.Logger.Debug("connection of a node not taken", "node", node, "error", err)
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
		f.Close()
	}
}
