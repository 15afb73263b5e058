package link

import (
	"crypto/tls"
	"net"
	"sync"
)

// conns are the open connections by node, so that a node can be disconnected.
type conns struct {
	mu     sync.Mutex
	closed bool
	open   map[string]map[*conn]bool
}

// A conn is a connection to a node that takes itself off the list when closed.
type conn struct {
	*tls.Conn

	list *conns
	node string
}

func newConns() *conns { return &conns{open: map[string]map[*conn]bool{}} }

// keep lists a connection; after closeAll it closes it and returns nil.
func (l *conns) keep(node string, c *tls.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.NetConn().Close()
		return nil
	}
	kept := &conn{c, l, node}
	if l.open[node] == nil {
		l.open[node] = map[*conn]bool{}
	}
	l.open[node][kept] = true
	return kept
}

// Close says goodbye if that is possible at once, and closes.
func (c *conn) Close() error {
	c.list.drop(c)
	return c.Conn.Close()
}

func (l *conns) drop(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open[c.node], c)
	if len(l.open[c.node]) == 0 {
		delete(l.open, c.node)
	}
}

func (l *conns) closeNode(node string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open[node] {
		_ = c.NetConn().Close() // at once: its user still removes it from the list
	}
}

func (l *conns) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, open := range l.open {
		for c := range open {
			_ = c.NetConn().Close()
		}
	}
}
