package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// ErrSilence is what [Conn.Receive] returns when nothing came in time.
var ErrSilence = errors.New("no message came")

const maxDatagram = 65535

// A Conn is a phone's socket: one connection or one UDP address pair. A
// goroutine of its own reads it until Close, so that the peer is never kept
// waiting by a test that looks elsewhere.
type Conn struct {
	Transport string // "tcp", "udp", "tls", "ws" or "wss"

	net    net.Conn
	web    *bufio.Reader // of its WebSocket, or nil
	in     chan Message
	done   sync.WaitGroup
	closed chan struct{}

	mu  sync.Mutex
	err error // why reading ended
}

// Dial connects to remote with the zero [Dialer].
func Dial(transport string, remote netip.AddrPort) (*Conn, error) {
	return Dialer{}.Dial(transport, remote)
}

// DialFrom is [Dial] from a local address; the zero Addr lets the kernel choose.
func DialFrom(local netip.Addr, transport string, remote netip.AddrPort) (*Conn, error) {
	return Dialer{Local: local}.Dial(transport, remote)
}

func localAddr(local netip.Addr, port uint16, network string) net.Addr {
	switch {
	case !local.IsValid():
		return nil
	case network == "udp":
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, port))
	default:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, port))
	}
}

// Local returns the phone's end.
func (c *Conn) Local() netip.AddrPort { return addrPort(c.net.LocalAddr()) }

// Remote returns the other end.
func (c *Conn) Remote() netip.AddrPort { return addrPort(c.net.RemoteAddr()) }

func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return p
}

// Send writes one message.
func (c *Conn) Send(m Message) error { return c.Write(m.String()) }

// Write writes any text.
func (c *Conn) Write(text string) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	var err error
	if c.web != nil {
		err = c.writeWeb(ws.OpText, []byte(text))
	} else {
		_, err = io.WriteString(c.net, text)
	}
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// Receive returns the next message, [ErrSilence] when none comes within the
// time, or why the connection ended. Within no time it takes what is there.
func (c *Conn) Receive(within time.Duration) (Message, error) {
	select {
	case m, ok := <-c.in:
		return c.received(m, ok)
	default:
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case m, ok := <-c.in:
		return c.received(m, ok)
	case <-timer.C:
		return Message{}, ErrSilence
	}
}

func (c *Conn) received(m Message, ok bool) (Message, error) {
	if !ok {
		return Message{}, c.ended()
	}
	return m, nil
}

// WaitClosed reports whether the peer closes the connection within the time.
// Messages that come before stay unread.
func (c *Conn) WaitClosed(within time.Duration) bool {
	select {
	case <-c.closed:
		return true
	case <-time.After(within):
		return false
	}
}

// Close ends the connection and waits for its reader.
func (c *Conn) Close() error {
	err := c.net.Close()
	for range c.in { // the reader may wait for room
		continue
	}
	c.done.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

func (c *Conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Conn) read() {
	next := c.readDatagram
	switch {
	case c.web != nil:
		next = c.readWeb
	case c.Transport != "udp":
		r := bufio.NewReader(c.net)
		next = func() (Message, error) { return Read(r) }
	}
	for {
		m, err := next()
		if err != nil {
			c.mu.Lock()
			c.err = fmt.Errorf("the connection ended: %w", err)
			c.mu.Unlock()
			close(c.closed)
			close(c.in)
			return
		}
		c.in <- m
	}
}

func (c *Conn) readDatagram() (Message, error) {
	buf := make([]byte, maxDatagram)
	n, err := c.net.Read(buf)
	if err != nil {
		return Message{}, fmt.Errorf("reading: %w", err)
	}
	return Parse(string(buf[:n]))
}

// Read reads one message from a stream, skipping the CRLFs before it.
func Read(r *bufio.Reader) (Message, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return Message{}, fmt.Errorf("reading: %w", err)
		}
		if line == "\r\n" && head.Len() == 0 {
			continue
		}
		head.WriteString(line)
		if line == "\r\n" {
			break
		}
	}
	m, err := Parse(head.String())
	if err != nil {
		return Message{}, err
	}
	n, err := strconv.Atoi(m.Get("Content-Length"))
	if err != nil {
		return Message{}, fmt.Errorf("reading Content-Length of %q: %w", m.Start, err)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return Message{}, fmt.Errorf("reading the body of %q: %w", m.Start, err)
	}
	m.Body = string(body)
	return m, nil
}
