package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// greet makes a flow of an accepted connection once the peer has shown that it
// speaks TLS, or WebSocket, or one in the other; it has Options.Handshake for
// that. The connection has its place in the table.
func (l *Layer) greet(nc *net.TCPConn, k Kind) {
	_ = nc.SetDeadline(time.Now().Add(l.opts.Handshake)) // fails only when closed
	wake := context.AfterFunc(l.alive, func() { _ = nc.SetDeadline(longAgo()) })
	c, err := l.shake(nc, k)
	if wake() && err == nil {
		_ = nc.SetDeadline(time.Time{})
		if l.start(c) == nil {
			return
		}
	}
	l.turnAway(nc, err)
}

// errBroke is the end of a peer whose first bytes made us panic.
var errBroke = errors.New("its first bytes made the handshake panic")

// shake is shakeHands; a panic there is an error of this one peer.
func (l *Layer) shake(nc *net.TCPConn, k Kind) (c *conn, err error) {
	err = errBroke
	defer l.recovered()
	return l.shakeHands(nc, k)
}

// shakeHands does everything that comes before SIP.
func (l *Layer) shakeHands(nc *net.TCPConn, k Kind) (*conn, error) {
	var s *secure
	var w *web
	var rest []byte
	var stream io.ReadWriter = nc
	if k.Secure() {
		s = newSecure(nc, mostShaking, func(c net.Conn) *tls.Conn { return tls.Server(c, l.tlsFor(k)) })
		if err := s.tls.HandshakeContext(context.Background()); err != nil {
			return nil, err //nolint:wrapcheck // it is the reason of the refusal
		}
		stream = s.tls
	}
	if k == WS || k == WSS {
		var err error
		if rest, err = upgrade(stream, l.allows); err != nil {
			return nil, err
		}
		w = new(web)
	}
	c, err := newConn(l, nc, k, true)
	if err != nil {
		return nil, err
	}
	c.dress(s, w, rest)
	l.own.learn(c.local.Addr())
	return c, nil
}

// dress puts TLS and WebSocket on c; rest came behind their beginning.
func (c *conn) dress(s *secure, w *web, rest []byte) {
	c.secure, c.web = s, w
	if s != nil {
		s.flows(c.out)
	}
	if w != nil {
		c.in.frames = &w.in
	}
	if len(rest) > 0 {
		c.in.filled(copy(c.in.room(), rest))
	}
}

// turnAway takes leave of a peer that did not make it to a flow. One that got
// words has a moment to read them.
func (l *Layer) turnAway(nc *net.TCPConn, why error) {
	l.logger.Debug("connection turned away", "remote", nc.RemoteAddr(), "error", why)
	no, told := errors.AsType[*refused](why)
	if told && no.origin != "" {
		l.tellOrigin(nc, no.origin)
	}
	l.count.handshake.Add(1)
	if told {
		if nc.CloseWrite() == nil && nc.SetReadDeadline(time.Now().Add(min(l.opts.Linger, hurry))) == nil {
			_, _ = io.Copy(io.Discard, nc) // any end is as good as another
		}
	}
	reset(nc)
	l.conns.leave(addrPort(nc.RemoteAddr()).Addr(), true)
}

// tellOrigin tells the administrator what he may want to allow.
func (l *Layer) tellOrigin(nc *net.TCPConn, origin string) {
	const longest = 100 // of what a stranger writes into the log
	if skipped, ok := l.origins.allow(time.Now()); ok {
		l.logger.Warn("a telephone in a web page was turned away: add its origin to those of browsers in the configuration, if you know it",
			"origin", origin[:min(len(origin), longest)], "remote", nc.RemoteAddr(), "not_logged", skipped)
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
