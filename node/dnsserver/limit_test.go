package dnsserver

import (
	"net"
	"net/netip"
	"testing"
)

// Connections that a listener gives, one after the other.
type arriving struct {
	net.Listener

	from []string
}

func (a *arriving) Accept() (net.Conn, error) {
	if len(a.from) == 0 {
		return nil, net.ErrClosed
	}
	at := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a.from[0]))
	a.from = a.from[1:]
	return &arrived{from: at}, nil
}

type arrived struct {
	net.Conn

	from net.Addr
}

func (a *arrived) RemoteAddr() net.Addr { return a.from }
func (a *arrived) Close() error         { return nil }

// TestOneSourceHasItsShareOfConnections: the others find room; what was closed is
// free again, once.
func TestOneSourceHasItsShareOfConnections(t *testing.T) {
	l := &arriving{}
	b := bounded(l, 5, 2)
	comes := func(from ...string) (conns []net.Conn) {
		l.from = from
		for {
			c, err := b.Accept()
			if err != nil {
				return conns
			}
			conns = append(conns, c)
		}
	}
	one := comes("10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "[::ffff:10.0.0.1]:4")
	if len(one) != 2 {
		t.Errorf("one address: %d connections, want 2", len(one))
	}
	if got := comes("[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1"); len(got) != 2 {
		t.Errorf("one IPv6 host: %d connections, want 2", len(got))
	}
	if got := comes("10.0.0.2:1", "10.0.0.3:1"); len(got) != 1 {
		t.Errorf("all together: %d more, want 1", len(got))
	}
	_, _ = one[0].Close(), one[0].Close()
	if got := comes("10.0.0.1:5", "10.0.0.4:1"); len(got) != 1 || got[0].RemoteAddr().String() != "10.0.0.1:5" {
		t.Errorf("after one has gone: %d more, want 1", len(got))
	}
}
