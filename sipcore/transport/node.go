package transport

import "net"

// Adopt makes a flow of a connection to another node, which somebody else
// opened, or accepted, and checked: its Kind is Node. The limits on strangers
// do not hold for it: how many come from one address, and how soon they speak.
// The layer must be running; on an error the connection is still the caller's.
func (l *Layer) Adopt(nc net.Conn, node string) (Flow, error) { return l.take(nc, Node, node) }

// AdoptPhone makes a flow of a connection that a phone opened, and that came by no
// socket of the layer. It is like Adopt, and its Kind is TCP.
func (l *Layer) AdoptPhone(nc net.Conn) (Flow, error) { return l.take(nc, TCP, "") }

func (l *Layer) take(nc net.Conn, k Kind, node string) (Flow, error) {
	c := makeConn(l, nc, nil)
	c.kind, c.node = k, node
	l.conns.seat()
	if err := l.start(c); err != nil {
		l.conns.leave(c.remote.Addr(), false)
		return Flow{}, err
	}
	return c.flow(), nil
}
