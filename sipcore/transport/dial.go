package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// dials are the connections being opened, so that many who want the same one
// wait for one.
type dials struct {
	mu sync.Mutex
	to map[farEnd]*dial
}

// dial is one connection being opened. Its result may be read once done is closed.
type dial struct {
	done chan struct{}
	flow Flow
	err  error
}

// Dial returns a flow to remote: over UDP at once, over TCP and TLS the
// connection that is open, whoever opened it, or a new one from our listening
// address. Dials to one peer share one connection. It waits for at most
// Options.ConnectTimeout, over TLS twice, and no longer than ctx; the connecting
// goes on for those who still want it.
func (l *Layer) Dial(ctx context.Context, k Kind, remote netip.AddrPort) (Flow, error) {
	return l.DialName(ctx, k, remote, "")
}

// DialName is Dial to a domain, or host, called name: over TLS the peer must show
// a certificate for it (RFC 5922). Who has only an address takes whoever is there.
func (l *Layer) DialName(ctx context.Context, k Kind, remote netip.AddrPort, name string) (Flow, error) {
	remote = plain(remote)
	switch {
	case k == UDP:
		if f, ok := l.UDP(remote); ok {
			return f, nil
		}
		return Flow{}, ErrFamily
	case k == TCP:
		return l.dialStream(ctx, farEnd{kind: k, at: remote})
	case k == TLS && l.opts.Certificate != nil:
		return l.dialStream(ctx, farEnd{kind: k, at: remote, name: strings.ToLower(name)})
	default:
		return Flow{}, ErrKind
	}
}

// Standing returns the TCP connection to remote that is open, if there is one: the one
// that Dial would return. It does not wait.
func (l *Layer) Standing(remote netip.AddrPort) (Flow, bool) {
	return l.conns.to(farEnd{kind: TCP, at: plain(remote)})
}

func (l *Layer) dialStream(ctx context.Context, end farEnd) (Flow, error) {
	if f, ok := l.conns.to(end); ok {
		return f, nil
	}
	if l.socketFor(end.at.Addr()) == nil {
		return Flow{}, ErrFamily
	}
	d, f := l.join(end) //nolint:contextcheck // others may join, and outlast ctx
	if d == nil {
		return f, nil
	}
	select {
	case <-d.done:
		return d.flow, d.err
	case <-ctx.Done():
		return Flow{}, fmt.Errorf("connecting to %s: %w", end.at, context.Cause(ctx))
	}
}

// join returns the dial to end, which it starts unless there is one; or, with
// a nil dial, the flow that has been opened meanwhile.
func (l *Layer) join(end farEnd) (*dial, Flow) {
	l.dials.mu.Lock()
	defer l.dials.mu.Unlock()
	if d := l.dials.to[end]; d != nil {
		return d, Flow{}
	}
	if f, ok := l.conns.to(end); ok {
		return nil, f
	}
	d := &dial{done: make(chan struct{}), err: ErrClosed}
	if !l.spawn(func() { l.connect(d, end) }) {
		close(d.done)
		return d, Flow{}
	}
	l.dials.to[end] = d
	return d, Flow{}
}

// connect carries out d. The flow is in the table before d leaves the dials, so
// that no second one is opened in between.
func (l *Layer) connect(d *dial, end farEnd) {
	d.flow, d.err = l.open(end)
	l.dials.mu.Lock()
	delete(l.dials.to, end)
	l.dials.mu.Unlock()
	close(d.done)
}

// open opens a connection and makes a flow of it.
func (l *Layer) open(end farEnd) (Flow, error) {
	if !l.conns.reserve() {
		l.count.connLimit.Add(1)
		return Flow{}, ErrLimit
	}
	c, err := l.reach(end)
	if err != nil {
		l.conns.leave(end.at.Addr(), false)
		return Flow{}, fmt.Errorf("connecting to %s: %w", end.at, err)
	}
	return c.flow(), nil
}

// reach connects, over TLS shakes hands, and starts reading.
func (l *Layer) reach(end farEnd) (*conn, error) {
	nc, err := l.connectTCP(end.at)
	if err != nil {
		return nil, err
	}
	var s *secure
	if end.kind == TLS {
		s, err = l.callTLS(nc, end.name)
	}
	if err == nil {
		var c *conn
		if c, err = l.dialled(nc, end, s); err == nil {
			return c, nil
		}
	}
	return nil, errors.Join(err, nc.Close())
}

// dialled makes a flow of a connection that is ours.
func (l *Layer) dialled(nc *net.TCPConn, end farEnd, s *secure) (*conn, error) {
	c, err := newConn(l, nc, end.kind, false)
	if err != nil {
		return nil, err
	}
	c.name = end.name
	c.dress(s, nil, nil)
	l.own.learn(c.local.Addr())
	return c, l.start(c)
}

// connectTCP connects within Options.ConnectTimeout, or until the layer ends.
func (l *Layer) connectTCP(remote netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(l.alive, l.opts.ConnectTimeout)
	defer cancel()
	d := net.Dialer{Control: control(setOutbound), KeepAlive: -1} // setTCP does it
	if !l.own.all() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.opts.Addr, 0))
	}
	nc, err := d.DialContext(ctx, "tcp", remote.String())
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what for
	}
	return nc.(*net.TCPConn), nil //nolint:forcetypeassert // of a tcp network
}

// setOutbound prepares a socket to connect from. Its port is chosen only with
// the peer known, so that one port serves for many peers.
func setOutbound(fd int) error {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // old kernels lack it
	return setTCP(fd)
}
