package sipcore

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A cord is one end of a connection in a village, as a [net.Conn]. What is written at
// the other end arrives after the lag, or when the line is mended. Nobody waits to write.
type cord struct {
	v         *village
	here, far netip.AddrPort
	lag       time.Duration
	from, to  string // the nodes at its ends; empty: it has a phone, whose line is good
	other     *cord
	news      chan struct{}
	mu        sync.Mutex
	parts     []part
	closed    bool // by who reads
	ended     bool // by who writes
	deadline  time.Time
}

type part struct {
	at time.Time
	b  []byte
}

// cord lays a connection between two places.
func (v *village) cord(a, b netip.AddrPort, lag time.Duration, from, to string) (near, far *cord) {
	near = &cord{v: v, here: a, far: b, lag: lag, from: from, to: to, news: make(chan struct{}, 1)}
	far = &cord{v: v, here: b, far: a, lag: lag, from: to, to: from, news: make(chan struct{}, 1), other: near}
	near.other = far
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cords = append(v.cords, near, far)
	return near, far
}

func (c *cord) rings() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *cord) isCut() bool {
	if c.from == "" {
		return false
	}
	c.v.mu.Lock()
	defer c.v.mu.Unlock()
	return c.v.cuts[[2]string{c.to, c.from}]
}

// Read implements [net.Conn].
func (c *cord) Read(b []byte) (int, error) {
	for {
		n, wait, err := c.tries(b)
		if n > 0 || err != nil {
			return n, err
		}
		if wait < 0 {
			<-c.news
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-c.news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tries reads what has arrived; wait is for how long nothing more will, negative if that
// is not known.
func (c *cord) tries(b []byte) (n int, wait time.Duration, err error) {
	cut := c.isCut()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	wait = -1
	switch {
	case c.closed:
		return 0, 0, net.ErrClosed
	case !c.deadline.IsZero() && !now.Before(c.deadline):
		return 0, 0, os.ErrDeadlineExceeded
	case !c.deadline.IsZero():
		wait = c.deadline.Sub(now)
	}
	switch {
	case cut:
	case len(c.parts) == 0 && c.ended:
		return 0, 0, io.EOF
	case len(c.parts) == 0:
	case now.Before(c.parts[0].at):
		if left := c.parts[0].at.Sub(now); wait < 0 || left < wait {
			wait = left
		}
	default:
		n = copy(b, c.parts[0].b)
		if c.parts[0].b = c.parts[0].b[n:]; len(c.parts[0].b) == 0 {
			c.parts = c.parts[1:]
		}
	}
	return n, wait, nil
}

// Write implements [net.Conn].
func (c *cord) Write(b []byte) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	o := c.other
	o.mu.Lock()
	defer o.mu.Unlock()
	if closed || o.closed {
		return 0, net.ErrClosed
	}
	o.parts = append(o.parts, part{time.Now().Add(c.lag), append([]byte(nil), b...)})
	o.rings()
	return len(b), nil
}

// Close implements [net.Conn].
func (c *cord) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.rings()
	c.other.mu.Lock()
	c.other.ended = true
	c.other.mu.Unlock()
	c.other.rings()
	return nil
}

// SetReadDeadline implements [net.Conn].
func (c *cord) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	c.rings()
	return nil
}

// SetDeadline implements [net.Conn].
func (c *cord) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline implements [net.Conn].
func (c *cord) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr implements [net.Conn].
func (c *cord) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.here) }

// RemoteAddr implements [net.Conn].
func (c *cord) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.far) }
