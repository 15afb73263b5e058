package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// dials are the connections being opened, so that many who want the same one
// wait for one.
type dials struct {
	mu sync.Mutex
	to map[netip.AddrPort]*dial
}

// dial is one connection being opened. Its result may be read once done is closed.
type dial struct {
	done chan struct{}
	flow Flow
	err  error
}

// Dial returns a flow to remote: over UDP at once, over TCP the connection that
// is open, whoever opened it, or a new one from our listening address. Dials to
// one peer share one connection. It waits for at most Options.ConnectTimeout,
// and no longer than ctx; the connecting goes on for those who still want it.
func (l *Layer) Dial(ctx context.Context, k Kind, remote netip.AddrPort) (Flow, error) {
	remote = plain(remote)
	switch k {
	case UDP:
		if f, ok := l.UDP(remote); ok {
			return f, nil
		}
		return Flow{}, ErrFamily
	case TCP:
		return l.dialTCP(ctx, remote)
	default:
		return Flow{}, ErrKind
	}
}

func (l *Layer) dialTCP(ctx context.Context, remote netip.AddrPort) (Flow, error) {
	if f, ok := l.conns.to(remote); ok {
		return f, nil
	}
	if l.socketFor(remote.Addr()) == nil {
		return Flow{}, ErrFamily
	}
	d, f := l.join(remote) //nolint:contextcheck // others may join, and outlast ctx
	if d == nil {
		return f, nil
	}
	select {
	case <-d.done:
		return d.flow, d.err
	case <-ctx.Done():
		return Flow{}, fmt.Errorf("connecting to %s: %w", remote, context.Cause(ctx))
	}
}

// join returns the dial to remote, which it starts unless there is one; or, with
// a nil dial, the flow that has been opened meanwhile.
func (l *Layer) join(remote netip.AddrPort) (*dial, Flow) {
	l.dials.mu.Lock()
	defer l.dials.mu.Unlock()
	if d := l.dials.to[remote]; d != nil {
		return d, Flow{}
	}
	if f, ok := l.conns.to(remote); ok {
		return nil, f
	}
	d := &dial{done: make(chan struct{}), err: ErrClosed}
	if !l.spawn(func() { l.connect(d, remote) }) {
		close(d.done)
		return d, Flow{}
	}
	l.dials.to[remote] = d
	return d, Flow{}
}

// connect carries out d. The flow is in the table before d leaves the dials, so
// that no second one is opened in between.
func (l *Layer) connect(d *dial, remote netip.AddrPort) {
	d.flow, d.err = l.open(remote)
	l.dials.mu.Lock()
	delete(l.dials.to, remote)
	l.dials.mu.Unlock()
	close(d.done)
}

// open opens a connection and makes a flow of it.
func (l *Layer) open(remote netip.AddrPort) (Flow, error) {
	if !l.conns.reserve() {
		l.count.connLimit.Add(1)
		return Flow{}, ErrLimit
	}
	nc, err := l.connectTCP(remote)
	if err != nil {
		l.conns.leave(remote.Addr(), false)
		return Flow{}, fmt.Errorf("connecting to %s: %w", remote, err)
	}
	c, err := l.adopt(nc, false)
	if err != nil {
		l.conns.leave(remote.Addr(), false)
		return Flow{}, errors.Join(err, nc.Close())
	}
	return c.flow(), nil
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
