package extension

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"carillon/test/house/wire"
)

// A line is a connection to a server, or from one.
type line struct {
	server netip.AddrPort
	local  netip.AddrPort
	conn   net.Conn
	gone   chan struct{} // closed when nobody reads it any more

	mu sync.Mutex // of writing
}

// dial opens a line and reads it.
func (p *Phone) dial(ctx context.Context, server netip.AddrPort) (*line, error) {
	l := &line{server: server, gone: make(chan struct{})}
	err := p.o.Network(func() (err error) {
		d := net.Dialer{Timeout: Patience, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(p.o.Addr, 0))}
		l.conn, err = d.DialContext(ctx, "tcp", server.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s connects: %w", p.o.User, err)
	}
	if l.local, err = netip.ParseAddrPort(l.conn.LocalAddr().String()); err != nil {
		return nil, err
	}
	go p.reads(ctx, l)
	return l, nil
}

// listen takes what servers connect for, until ctx ends.
func (p *Phone) listen(ctx context.Context) error {
	var socket net.Listener
	err := p.o.Network(func() (err error) {
		socket, err = new(net.ListenConfig).Listen(ctx, "tcp", netip.AddrPortFrom(p.o.Addr, p.o.Port).String())
		return err
	})
	if err != nil {
		return fmt.Errorf("%s listens: %w", p.o.User, err)
	}
	context.AfterFunc(ctx, func() { _ = socket.Close() })
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go p.reads(ctx, &line{conn: conn, gone: make(chan struct{})})
		}
	}()
	return nil
}

// reads takes what comes on a line until that ends, at the latest with ctx.
func (p *Phone) reads(ctx context.Context, l *line) {
	defer close(l.gone)
	defer context.AfterFunc(ctx, l.close)()
	defer l.close()
	for r := bufio.NewReader(l.conn); ; {
		m, err := wire.Read(r)
		if err != nil {
			return
		}
		p.heard(l, m)
	}
}

func (l *line) close() { _ = l.conn.Close() }

func (l *line) isGone() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

func (l *line) send(m wire.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	_, err := io.WriteString(l.conn, m.String())
	return err
}

var errSilent = errors.New("no answer")

// ask sends a request on a line, with a branch of its own, and returns the final
// answer. A line without an answer is closed: its server is as good as dead.
func (p *Phone) ask(ctx context.Context, l *line, m wire.Message) (wire.Message, error) {
	branch := "z9hG4bK" + rand.Text()
	m.Set("Via", fmt.Sprintf("SIP/2.0/TCP %s;branch=%s;rport", l.local, branch))
	heard := make(chan wire.Message, 16)
	p.mu.Lock()
	p.waiting[branch] = heard
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, branch)
	}()
	began := time.Now()
	if err := l.send(m); err != nil {
		p.misses(l, began)
		l.close()
		return wire.Message{}, fmt.Errorf("%s sends %s: %w", p.o.User, m.Method(), err)
	}
	for silence := time.After(Patience); ; {
		select {
		case r := <-heard:
			if r.Status() >= 200 {
				return r, nil
			}
			if r.Status() > 100 { // it rings: the server lives
				silence = time.After(5 * Patience)
			}
		case <-l.gone:
			return wire.Message{}, fmt.Errorf("%s sent %s to %s: %w", p.o.User, m.Method(), l.server, io.ErrUnexpectedEOF)
		case <-silence:
			p.misses(l, began)
			p.shun(l.server)
			l.close()
			return wire.Message{}, fmt.Errorf("%s sent %s to %s: %w", p.o.User, m.Method(), l.server, errSilent)
		case <-ctx.Done():
			return wire.Message{}, ctx.Err()
		}
	}
}

// heard takes what comes on a line.
func (p *Phone) heard(l *line, m wire.Message) {
	if m.Request() {
		p.asked(l, m)
		return
	}
	p.mu.Lock()
	waits := p.waiting[wire.Param(m.Get("Via"), "branch")]
	p.mu.Unlock()
	if waits != nil {
		select {
		case waits <- m:
		default:
		}
	}
}
