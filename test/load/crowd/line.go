package crowd

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"carillon/test/house/wire"
)

const (
	maxDatagram = 65535
	writeTime   = 10 * time.Second
)

// A line is a phone's connection: it is written by many, and read by one.
type line struct {
	transport string
	conn      net.Conn
	local     netip.AddrPort

	mu sync.Mutex // of writing
}

// dial connects from an address of the phone's own.
func (c *Crowd) dial(ctx context.Context, transport string, from netip.Addr) (*line, error) {
	d := net.Dialer{Timeout: writeTime}
	at := netip.AddrPortFrom(from, 0)
	var conn net.Conn
	var err error
	switch transport {
	case "udp":
		d.LocalAddr = net.UDPAddrFromAddrPort(at)
		conn, err = d.DialContext(ctx, "udp", c.o.Node.String())
	case "tcp":
		d.LocalAddr = net.TCPAddrFromAddrPort(at)
		conn, err = d.DialContext(ctx, "tcp", c.o.Node.String())
	default:
		d.LocalAddr = net.TCPAddrFromAddrPort(at)
		conn, err = (&tls.Dialer{NetDialer: &d, Config: c.o.TLS}).DialContext(ctx, "tcp", c.o.TLSNode.String())
	}
	if err != nil {
		return nil, fmt.Errorf("connecting over %s: %w", transport, err)
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return &line{transport: transport, conn: conn, local: local}, err
}

func (l *line) send(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := io.WriteString(l.conn, text)
	return err
}

// read gives handle each message until the line ends.
func (l *line) read(handle func(wire.Message)) {
	next := l.nextDatagram()
	if l.transport != "udp" {
		r := bufio.NewReader(l.conn)
		next = func() (wire.Message, error) { return wire.Read(r) }
	}
	for {
		m, err := next()
		if err != nil {
			return
		}
		handle(m)
	}
}

func (l *line) nextDatagram() func() (wire.Message, error) {
	buf := make([]byte, maxDatagram)
	return func() (wire.Message, error) {
		n, err := l.conn.Read(buf)
		if err != nil {
			return wire.Message{}, err
		}
		return wire.Parse(string(buf[:n]))
	}
}
