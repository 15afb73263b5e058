package transport

import (
	"errors"
	"net"
	"time"
)

// acceptPause is how long accepting rests after an error: files have run out.
const acceptPause = 20 * time.Millisecond

// accept takes connections from ln, which is for one kind, until it is closed.
func (l *Layer) accept(ln *net.TCPListener, k Kind) {
	for {
		nc, err := ln.AcceptTCP()
		switch {
		case err == nil:
			l.admit(nc, k)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			l.pauseAccepting(err)
		}
	}
}

func (l *Layer) pauseAccepting(err error) {
	if skipped, ok := l.refused.allow(time.Now()); ok {
		l.logger.Warn("no connection can be accepted", "error", err, "not_logged", skipped)
	}
	l.sleep(acceptPause)
}

// admit makes a flow of an accepted connection, if the limits allow it. Where
// hands are shaken first, that has a goroutine of its own.
func (l *Layer) admit(nc *net.TCPConn, k Kind) {
	peer := addrPort(nc.RemoteAddr()).Addr()
	if !l.opts.Gate.Welcomes(peer) {
		l.count.gate.Add(1)
		drop(nc)
		return
	}
	if why := l.conns.admit(peer); why != welcome {
		l.refuse(nc, why)
		return
	}
	if k != TCP && l.spawn(func() { l.greet(nc, k) }) {
		return
	}
	if k != TCP || l.adopt(nc) != nil {
		l.conns.leave(peer, true)
		_ = nc.Close() // nothing was sent on it
	}
}

// refuse resets a connection that is one too many.
func (l *Layer) refuse(nc *net.TCPConn, why refusal) {
	if why == tooManyFromIP {
		l.count.ipLimit.Add(1)
	} else {
		l.count.connLimit.Add(1)
	}
	if skipped, ok := l.refused.allow(time.Now()); ok {
		l.logger.Warn("a connection is over the limit",
			"remote", nc.RemoteAddr(), "all", why == tooMany, "not_logged", skipped)
	}
	drop(nc)
}

// drop resets a connection on which nothing was sent: no trace of it stays in
// the kernel.
func drop(nc *net.TCPConn) {
	_ = nc.SetLinger(0) // fails only when closed
	_ = nc.Close()
}

// adopt makes a flow of a connection that has its place in the table, and
// starts its reader. On an error the place and the connection are the caller's.
func (l *Layer) adopt(nc *net.TCPConn) error {
	c, err := newConn(l, nc, TCP, true)
	if err != nil {
		return err
	}
	l.own.learn(c.local.Addr())
	return l.start(c)
}

// start makes c findable and reads from it.
func (l *Layer) start(c *conn) error {
	l.conns.link(c)
	if !l.spawn(c.serve) {
		l.conns.unlink(c)
		c.close()
		return ErrClosed
	}
	return nil
}
