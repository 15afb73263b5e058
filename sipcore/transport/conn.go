package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Reasons for which a stream flow is closed by us; they are counted and logged.
var (
	errStalled = errors.New("the peer stopped reading")
	errMemory  = errors.New("all flows together hold too much")
	errHalf    = errors.New("a message, or a peer's first, took too long")
	errFraming = errors.New("framing lost")
)

// longAgo is a deadline that has passed: it wakes who waits.
func longAgo() time.Time { return time.Unix(1, 0) }

// crlf answers a keep-alive (RFC 5626 section 4.4.1).
const crlf = "\r\n"

// conn is one stream flow: its reader, and the outbox that others send by.
type conn struct {
	origin
	layer    *Layer
	nc       net.Conn
	raw      syscall.RawConn // nil: it has no descriptor of its own, as TLS
	remote   netip.AddrPort
	accepted bool
	out      *outbox
	secure   *secure // its TLS, or nil
	web      *web    // its WebSocket, or nil
	name     string  // what the peer's certificate was checked for, if it was

	// What follows is the reader's alone.
	in       inbox
	read     func(fd uintptr) bool // inKernel, made once
	got      int                   // its result; 0 is the end of the stream
	failed   error
	held     int  // bytes that the inbox has taken from layer.held
	awaiting bool // a read deadline is set
	gathers  bool // what is sent now leaves when all that was read is taken
}

func newConn(l *Layer, nc *net.TCPConn, k Kind, accepted bool) (*conn, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what for
	}
	c := makeConn(l, nc, raw)
	c.kind, c.accepted = k, accepted
	return c, nil
}

func makeConn(l *Layer, nc net.Conn, raw syscall.RawConn) *conn {
	c := &conn{
		origin: origin{id: l.ids.id(), local: addrPort(nc.LocalAddr()), watch: l.opts.Watcher, deaf: &l.deaf},
		layer:  l, nc: nc, raw: raw, remote: addrPort(nc.RemoteAddr()),
		out: newOutbox(nc, raw, l),
		in:  inbox{limit: l.opts.MaxMessage, buffers: &l.buffers},
	}
	c.read = c.inKernel
	return c
}

// addrPort returns the address of a TCP socket.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return plain(tcp.AddrPort())
}

func (c *conn) flow() Flow { return Flow{carrier: c, remote: c.remote} }

func (c *conn) end() farEnd { return farEnd{kind: c.kind, at: c.remote, name: c.name} }

// send implements carrier.
func (c *conn) send(b []byte, _ netip.AddrPort) error {
	err := c.push(b)
	switch {
	case err == nil:
		c.layer.count.traffic[c.kind].out.Add(1)
		return nil
	case errors.Is(err, ErrClosed), errors.Is(err, ErrFull):
		return err
	default:
		return fmt.Errorf("sending to %s: %w", c.remote, err)
	}
}

// open implements carrier.
func (c *conn) open() bool { return !c.out.ended.Load() }

// close implements carrier. The reader does the rest.
func (c *conn) close() {
	c.farewell()
	c.out.end(time.Now().Add(c.layer.opts.Linger))
}

// abort implements carrier.
func (c *conn) abort() { c.out.kill(ErrClosed) }

// serve reads the connection from its first byte to its end.
func (c *conn) serve() {
	if c.accepted {
		c.await() // a first byte
	}
	err := c.readAll()
	c.close()
	c.layer.conns.unlink(c)
	c.layer.flowClosed(c.flow())
	c.part(err)
	c.layer.held.give(c.held)
	c.layer.conns.leave(c.remote.Addr(), c.accepted)
}

// readAll takes what comes until nothing can come any more.
func (c *conn) readAll() error {
	defer c.layer.recovered()    // of the framing; deliver looks after the rest
	if len(c.in.pending()) > 0 { // it came with a handshake
		if err := c.act(); err != nil {
			return err
		}
	}
	for {
		if err := c.fill(); err != nil {
			return err
		}
		c.stall()
		if err := c.act(); err != nil {
			return err
		}
	}
}

// act takes what is whole and watches the rest.
func (c *conn) act() error {
	done, err := c.takeAll()
	if c.gathers {
		c.gathers = false
		c.out.letGo()
	}
	if err == nil {
		c.watch(done)
	}
	return err
}

// fill reads once, waiting for as long as the peer is quiet.
func (c *conn) fill() error {
	err := c.readOnce()
	switch {
	case !c.open():
		return ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errHalf
	case err != nil:
		return err //nolint:wrapcheck // it is the reason of the flow's end
	case c.failed != nil:
		return c.failed
	case c.got == 0:
		return io.EOF
	}
	return nil
}

// readOnce leaves its result in got and failed.
func (c *conn) readOnce() error {
	if c.raw != nil {
		return c.raw.Read(c.read) //nolint:wrapcheck // it is the reason of the flow's end
	}
	var err error
	c.got, err = c.nc.Read(c.in.room())
	c.in.filled(c.got)
	if c.got > 0 {
		return nil // an error comes again
	}
	return err //nolint:wrapcheck // it is the reason of the flow's end
}

// inKernel runs with the descriptor held open. It returns false to be called
// again when there is something to read; until then a buffer would be wasted.
func (c *conn) inKernel(fd uintptr) bool {
	if c.held != 0 {
		c.layer.held.give(c.held)
		c.held = 0
	}
	c.got, c.failed = c.pull(int(fd), c.in.room())
	switch {
	case c.failed == nil:
		c.in.filled(c.got)
		return true
	case errors.Is(c.failed, unix.EAGAIN):
		c.watchRecord()
		return !c.shrink()
	default:
		c.got = 0
		return true
	}
}

// shrink gives back what a quiet connection does not need. It reports false,
// with the reason in failed, if what it does need is too much.
func (c *conn) shrink() bool {
	n := c.in.shrink() + c.kept()
	if n == 0 {
		return true
	}
	if !c.layer.held.take(n) {
		c.failed = errMemory
		return false
	}
	c.held = n
	return true
}

// takeAll takes all that is whole in the inbox; done reports whether that was
// anything. Keep-alives that came together share one answer.
func (c *conn) takeAll() (done bool, err error) {
	pings := 0
	for c.open() {
		it, raw, ferr := c.in.next()
		if ferr != nil {
			return done, c.lost(ferr)
		}
		switch it {
		case nothing:
			return done || pings > 0, c.answer(pings)
		case ping:
			pings++
		case whole:
			done = true
			c.expectMore()
			if c.hears(raw) {
				c.layer.deliver(c.flow(), raw)
			}
		}
	}
	return done, ErrClosed
}

// expectMore has the answers to messages that came together leave together.
func (c *conn) expectMore() {
	if !c.gathers && len(c.in.pending()) > 0 {
		c.gathers = true
		c.out.gather()
	}
}

// answer answers keep-alives, if there were any.
func (c *conn) answer(pings int) error {
	if pings == 0 {
		return nil
	}
	if c.web != nil {
		return c.pushRaw(c.web.in.pongs())
	}
	return c.pushRaw([]byte(crlf))
}

// watch keeps the time of an unfinished message. The clock of a new one starts
// when its first bytes have come behind the end of another.
func (c *conn) watch(done bool) {
	half := c.half()
	switch {
	case half && (done || !c.awaiting):
		c.await()
	case !half && c.awaiting:
		c.awaiting = false
		c.out.readBy(time.Time{})
	}
}

// await gives the peer its time to finish, or begin, a message.
func (c *conn) await() {
	c.awaiting = true
	c.out.readBy(time.Now().Add(c.layer.opts.HalfMessage))
}
