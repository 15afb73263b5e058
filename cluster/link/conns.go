package link

import (
	"bytes"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conns are the open connections by node, so that a node can be disconnected.
type conns struct {
	counts    *counts
	ledger    *ledger
	deaf      *deafness
	unwelcome func(node string, at net.Addr) // called when our certificate was not taken

	mu     sync.Mutex
	closed bool
	open   map[string]map[*conn]bool
}

// A conn is a connection to a node that takes itself off the list when closed.
type conn struct {
	*tls.Conn

	list  *conns
	node  string
	what  string      // it is for: a word of the ledger
	told  atomic.Bool // something was read, or why not was counted
	final Carried     // when it was reset; guarded by conns.mu
	gone  chan struct{}
	end   sync.Once // closes gone
	by    deadline  // of reading
	held  *heard    // has come and is not there yet; the reader's
}

func newConns(c *counts, l *ledger) *conns {
	return &conns{counts: c, ledger: l, open: map[string]map[*conn]bool{}}
}

// keep lists a connection; after closeAll it closes it and returns nil.
func (l *conns) keep(node string, c *tls.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.NetConn().Close()
		return nil
	}
	kept := &conn{Conn: c, list: l, node: node, what: word(c.ConnectionState().NegotiatedProtocol), gone: make(chan struct{})}
	if l.open[node] == nil {
		l.open[node] = map[*conn]bool{}
	}
	l.open[node][kept] = true
	return kept
}

// Read reads, unless the port is deaf to the node: then what has come is not there
// yet, nor is the end, but a deadline passes. One goroutine at a time may read. It
// notices when the first thing that the other says is that it does not take our
// certificate: TLS 1.3 says so no earlier.
func (c *conn) Read(b []byte) (n int, err error) {
	if c.held == nil {
		n, err = c.Conn.Read(b)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) && c.isDeafened() {
		if c.held == nil {
			c.held = &heard{bytes.Clone(b[:n]), err}
		}
		if err = c.list.deaf.waitBy(c.node, c.gone, &c.by); err != nil {
			return 0, err
		}
	}
	if c.held != nil {
		n, err = c.takes(b)
	}
	if !c.told.Load() && !c.told.Swap(true) && isAlert(err) {
		c.list.counts.add(reasonUnwelcome, "node", c.node, "address", addressOf(c), "error", err)
		c.list.unwelcome(c.node, c.RemoteAddr())
	}
	return n, err
}

// isDeafened reports whether what has come on the connection is not there yet.
func (c *conn) isDeafened() bool {
	return c.what != word(ProtocolThrough) && c.list.deaf != nil && c.list.deaf.is(c.node)
}

// A heard is what a Read has brought.
type heard struct {
	bytes []byte
	err   error
}

// takes reads of what was held.
func (c *conn) takes(b []byte) (n int, err error) {
	n = copy(b, c.held.bytes)
	if c.held.bytes = c.held.bytes[n:]; len(c.held.bytes) == 0 {
		err, c.held = c.held.err, nil
	}
	return n, err
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	c.by.set(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements [net.Conn].
func (c *conn) SetReadDeadline(t time.Time) error {
	c.by.set(t)
	return c.Conn.SetReadDeadline(t)
}

// isAlert reports whether the other side broke the connection off by a TLS
// alert, which crypto/tls names by this word alone.
func isAlert(err error) bool {
	broken, ok := errors.AsType[*net.OpError](err)
	return ok && broken.Op == "remote error"
}

// Close says goodbye if that is possible at once, and closes.
func (c *conn) Close() error {
	c.list.drop(c)
	c.isGone()
	return c.Conn.Close()
}

// isGone ends waiting for the end of a silence.
func (c *conn) isGone() { c.end.Do(func() { close(c.gone) }) }

func (l *conns) drop(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open[c.node][c] {
		return
	}
	if c.final == (Carried{}) {
		c.final = c.Carried()
	}
	l.ledger.add(c.node, c.what, c.final.plus(Carried{beyondTheCount, beyondTheCount}))
	delete(l.open[c.node], c)
	if len(l.open[c.node]) == 0 {
		delete(l.open, c.node)
	}
}

// carried returns what the open connections to a node have carried, by what they
// are for.
func (l *conns) carried(node string) map[string]Carried {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]Carried{}
	for c := range l.open[node] {
		all[c.what] = all[c.what].plus(c.Carried())
	}
	return all
}

func (l *conns) closeNode(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open[node] {
		c.breakOffLocked()
	}
}

// close closes one that all has returned.
func (l *conns) close(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[c.node][c] {
		c.breakOffLocked()
	}
}

func (c *conn) breakOffLocked() {
	c.final = c.Carried()
	c.isGone()
	reset(c.NetConn()) // at once: its user still removes it from the list
}

// all returns what is open.
func (l *conns) all() (found []*conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, open := range l.open {
		found = slices.AppendSeq(found, maps.Keys(open))
	}
	return found
}

// reset has the kernel forget what it has not sent yet: it must not arrive when
// the line is back.
func reset(c net.Conn) {
	if s, ok := c.(*stranger); ok {
		c = s.Conn
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (l *conns) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, open := range l.open {
		for c := range open {
			c.isGone()
			_ = c.NetConn().Close()
		}
	}
}
