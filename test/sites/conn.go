package sites

import (
	"io"
	"net"
	"sync"
	"time"

	"carillon/cluster/link"
)

// A half carries the bytes of a connection one way.
type half struct {
	n        *network
	from, to *port
	what     string
	wake     sync.Cond
	data     []byte
	last     time.Time // when what was written last arrives
	ended    bool      // the writer has closed it, and the reader has seen it
	closed   bool      // either has
	carried  uint64
}

func newHalf(from, to *port, what string) *half {
	h := &half{n: from.n, from: from, to: to, what: what}
	h.wake.L = &h.n.mu
	return h
}

// sendLocked has f called when so many bytes have arrived, after all before.
func (h *half) sendLocked(bytes int, f func()) {
	h.carried += uint64(bytes) //nolint:gosec // not negative
	due := h.n.passesLocked(h.from, h.to, bytes, h.what)
	if !due.After(h.last) {
		due = h.last.Add(1)
	}
	h.last = due
	time.AfterFunc(time.Until(due), func() {
		h.n.mu.Lock()
		defer h.n.mu.Unlock()
		f()
		h.wake.Broadcast()
	})
}

// A conn is one end of a connection. Deadlines are not kept: the far end is there.
type conn struct{ in, out *half }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.out.from.address) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.out.to.address) }

// Carried says what the line has carried for the connection, as those of link do.
func (c *conn) Carried() link.Carried {
	c.in.n.mu.Lock()
	defer c.in.n.mu.Unlock()
	return link.Carried{Out: c.out.carried, In: c.in.carried}
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	h := c.in
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	for len(h.data) == 0 && !h.ended {
		h.wake.Wait()
	}
	if len(h.data) == 0 {
		return 0, io.EOF
	}
	k := copy(b, h.data)
	h.data = h.data[k:]
	return k, nil
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	h := c.out
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if h.closed {
		return 0, io.ErrClosedPipe
	}
	copied := append([]byte(nil), b...)
	there, back := onLine(len(b))
	h.sendLocked(there, func() {
		h.data = append(h.data, copied...)
		c.in.carried += uint64(back) //nolint:gosec // not negative
		h.n.passesLocked(h.to, h.from, back, h.what)
	})
	return len(b), nil
}

// Close implements net.Conn: the far end reads what is under way, and then the end.
func (c *conn) Close() error {
	n := c.in.n
	n.mu.Lock()
	defer n.mu.Unlock()
	c.in.closed, c.in.ended = true, true
	c.in.wake.Broadcast()
	if !c.out.closed {
		c.out.closed = true
		c.out.sendLocked(0, func() { c.out.ended = true })
	}
	return nil
}

// SetDeadline implements net.Conn.
func (*conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (*conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (*conn) SetWriteDeadline(time.Time) error { return nil }
