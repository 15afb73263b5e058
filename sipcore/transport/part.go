package transport

import (
	"errors"
	"io"
	"net"
	"time"
)

// hurry is how long a peer may take to close its side when the layer ends; a
// single flow that is closed has Options.Linger.
const hurry = 100 * time.Millisecond

// part takes leave of the peer and closes the connection: what is queued leaves
// first, unless that is impossible or the peer has cost too much already.
func (c *conn) part(reason error) {
	c.out.flush()
	killed := c.out.whyKilled()
	if killed != nil {
		reason = killed
	}
	c.layer.tally(reason)
	c.layer.logger.Debug("flow closed", "remote", c.remote, "reason", reason)
	if killed != nil || errors.Is(reason, errMemory) {
		reset(c.nc) // nothing more for this peer, in the kernel neither
	} else {
		c.bid()
	}
	_ = c.nc.Close() // nothing unsent is left
}

// bid half-closes and waits for the peer to do the same. To close a socket that
// has unread bytes resets it, and the peer may lose what was sent last: why its
// message was refused.
func (c *conn) bid() {
	wait := c.layer.opts.Linger
	if !c.layer.isRunning() {
		wait = min(wait, hurry)
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.nc.SetReadDeadline(time.Now().Add(wait)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, c.nc) // any end is as good as another
}

// reset closes what carries a connection, with nothing left to be sent. TLS
// alone would wait to take leave of its peer.
func reset(nc net.Conn) {
	for {
		outer, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = outer.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only when closed
	}
	_ = nc.Close() // it is the end anyway
}

// tally counts why a flow ended, if it was not the peer's or our wish.
func (l *Layer) tally(reason error) {
	switch {
	case errors.Is(reason, errHalf):
		l.count.halfMessage.Add(1)
	case errors.Is(reason, ErrFull):
		l.count.queueFull.Add(1)
	case errors.Is(reason, errStalled):
		l.count.stalled.Add(1)
	case errors.Is(reason, errMemory):
		l.count.memory.Add(1)
	}
}
