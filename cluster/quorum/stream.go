package quorum

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"carillon/cluster/link"
)

// A Port carries bytes between the nodes; [link.Port] is one.
type Port interface {
	Handle(protocol string, h func(ctx context.Context, c net.Conn, from link.Peer))
	Dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (net.Conn, error)
	Ask(ctx context.Context, node string, at netip.AddrPort, kind string, body []byte) ([]byte, error)
	HandleAsk(kind string, h func(ctx context.Context, from link.Peer, body []byte) ([]byte, error))
}

// connectTime is how long a connection may take to come up.
const connectTime = 1500 * time.Millisecond

// A stream is Raft's part of the port. It implements [raft.StreamLayer]:
// addresses are names of nodes, which can move without the log knowing. It
// keeps count of its connections, since Raft would leave some open at its end.
type stream struct {
	node     string
	epoch    Epoch
	port     Port
	address  func(node string) (netip.AddrPort, bool)
	accepted chan net.Conn
	ctx      context.Context //nolint:containedctx // ends with the layer, for the dials under way
	cancel   context.CancelFunc

	mu   sync.Mutex
	open map[*conn]bool
}

func newStream(o Options, e Epoch) *stream {
	s := &stream{
		node: o.Node, epoch: e, port: o.Port, address: o.Address,
		accepted: make(chan net.Conn), open: map[*conn]bool{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// greet hears from who dials in which epoch he is. Only one who is in ours comes
// to Raft, and his connection ends when either side leaves the epoch: so it is
// compared for every message. LifeGUARDs have no part in it: a hacked branch must
// not be able to vote.
func (q *Quorum) greet(ctx context.Context, c net.Conn, from link.Peer) {
	theirs, err := readEpoch(c)
	if err != nil || !q.opened() || !q.admits(from, theirs) {
		_ = c.Close()
		return
	}
	e := q.engine.Load()
	if theirs != e.epoch { // it has changed meanwhile
		_ = c.Close()
		return
	}
	e.stream.take(ctx, c)
}

// admits says whether a node may have part in what this one decides: it has a
// role in it, and is in the same epoch.
func (q *Quorum) admits(from link.Peer, theirs Epoch) bool {
	own := q.Epoch()
	if theirs.Later(own) && from.Role == link.Main {
		q.meet(theirs, from.Node)
	}
	return from.Role != link.LifeGUARD && theirs == own
}

func readEpoch(c net.Conn) (Epoch, error) {
	var b [epochSize]byte
	if err := c.SetReadDeadline(time.Now().Add(connectTime)); err != nil {
		return Epoch{}, err
	}
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return Epoch{}, err
	}
	e, _, err := decodeEpoch(b[:])
	return e, errors.Join(err, c.SetReadDeadline(time.Time{}))
}

// take hands a connection that has come in to Raft.
func (s *stream) take(ctx context.Context, c net.Conn) {
	k := s.keep(c)
	select {
	case s.accepted <- k:
	case <-s.ctx.Done():
		_ = k.Close()
	case <-ctx.Done():
		_ = k.Close()
	}
}

// Accept implements [net.Listener].
func (s *stream) Accept() (net.Conn, error) {
	select {
	case c := <-s.accepted:
		return c, nil
	case <-s.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr implements [net.Listener]: it is the node's name.
func (s *stream) Addr() net.Addr { return name(s.node) }

// Dial implements [raft.StreamLayer]. A node that dials itself gets a pipe.
func (s *stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, min(timeout, connectTime))
	defer cancel()
	if string(to) == s.node {
		near, far := net.Pipe()
		s.take(ctx, far)
		return s.keep(near), ctx.Err()
	}
	at, ok := s.address(string(to))
	if !ok {
		return nil, fmt.Errorf("no address of %s is known", to)
	}
	c, err := s.port.Dial(ctx, string(to), at, link.ProtocolRaft)
	if err != nil {
		return nil, err
	}
	if _, err = c.Write(s.epoch.encode()); err != nil {
		_ = c.Close()
		return nil, err
	}
	return s.keep(c), nil
}

// Close implements [net.Listener]; it also closes every connection.
func (s *stream) Close() error {
	s.cancel()
	s.mu.Lock()
	all := s.open
	s.open = map[*conn]bool{}
	s.mu.Unlock()
	for c := range all {
		_ = c.Conn.Close()
	}
	return nil
}

// keep counts a connection; one that comes too late is closed.
func (s *stream) keep(c net.Conn) *conn {
	k := &conn{c, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		_ = c.Close()
		return k
	}
	s.open[k] = true
	return k
}

// A conn leaves the count when it is closed.
type conn struct {
	net.Conn
	of *stream
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// A name is the address of a node.
type name string

// Network implements [net.Addr].
func (name) Network() string { return "carillon" }

// String implements [net.Addr].
func (n name) String() string { return string(n) }
