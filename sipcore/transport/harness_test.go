package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

var hosts atomic.Uint32

// host returns a loopback address that no other test of this process uses, nor
// probably another process.
func host() netip.Addr {
	n := hosts.Add(1)
	return netip.AddrFrom4([4]byte{127, 64 | byte(os.Getpid()>>8)&63, byte(os.Getpid()), byte(n)})
}

// layers counts those that run, and the goroutines that there were before the
// first: those of two layers cannot be told apart while either begins.
var layers counted

type counted struct {
	mu     sync.Mutex
	n      int
	before int
}

func (c *counted) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		c.before = runtime.NumGoroutine()
	}
	c.n++
}

func (c *counted) leave() (before int, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	return c.before, c.n == 0
}

// listening opens and runs a layer on a host of its own, or as o says; the end
// of the test closes it and checks that nothing of it is left.
func listening(tb testing.TB, o Options, h Handler) *Layer {
	tb.Helper()
	if !o.Addr.IsValid() && o.Port == 0 {
		o.Addr = host()
	}
	layers.enter()
	l, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(context.Background(), h) }()
	tb.Cleanup(func() {
		if err := errors.Join(l.Close(), <-done); err != nil {
			tb.Error(err)
		}
		if before, last := layers.leave(); last {
			eventually(tb, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		}
		if c := l.Counters(); c.Held != 0 || c.Open != 0 {
			tb.Errorf("after Close: got %d bytes held, %d flows open, want 0, 0", c.Held, c.Open)
		}
	})
	eventually(tb, "layer runs", l.isRunning)
	return l
}

// eventually waits for what has no event to wait for.
func eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// at returns the address a layer listens on.
func at(l *Layer) string { return netip.AddrPortFrom(l.opts.Addr, l.opts.Port).String() }

// record is a Handler that remembers, and answers if it has an answer.
type record struct {
	answer func(f Flow, m *message.Message) // nil: none

	mu        sync.Mutex
	received  []string // Call-ID
	malformed []string // error
	flows     []Flow   // of received
	closed    map[Flow]int
}

func (r *record) Receive(f Flow, m *message.Message) {
	r.mu.Lock()
	r.received = append(r.received, m.CallID())
	r.flows = append(r.flows, f)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(f, m)
	}
}

func (r *record) Malformed(f Flow, m *message.Message, err error) {
	r.mu.Lock()
	r.malformed = append(r.malformed, err.Error())
	r.flows = append(r.flows, f)
	r.mu.Unlock()
	if m != nil {
		_ = f.Send([]byte("SIP/2.0 400 Bad\r\nContent-Length: 0\r\n\r\n"))
	}
}

func (r *record) Closed(f Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed == nil {
		r.closed = make(map[Flow]int)
	}
	r.closed[f]++
}

// see calls f with the record locked.
func (r *record) see(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// count waits until n messages were received.
func (r *record) count(tb testing.TB, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("%d messages", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.received) >= n
	})
}

// flow waits for the nth message and returns its flow.
func (r *record) flow(tb testing.TB, n int) Flow {
	tb.Helper()
	eventually(tb, "a flow", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.flows) > n
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flows[n]
}

// echo answers every request with a 200 of its own Call-ID.
func echo(f Flow, m *message.Message) {
	if m.IsRequest() {
		_ = f.Send([]byte(response(m.CallID())))
	}
}

// request returns an OPTIONS with a body of n bytes.
func request(callID string, n int) string {
	return fmt.Sprintf("OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK%s;rport\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\n"+
		"Content-Length: %d\r\n\r\n%s", callID, callID, n, strings.Repeat("b", n))
}

func response(callID string) string {
	return fmt.Sprintf("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK%s\r\n"+
		"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", callID, callID)
}

// dialTo connects a peer to a layer, over "tcp" or "udp".
func dialTo(tb testing.TB, network string, to string) net.Conn {
	tb.Helper()
	c, err := net.DialTimeout(network, to, patience)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		tb.Fatal(err)
	}
	return c
}

// write sends text to a peer's connection.
func write(tb testing.TB, c net.Conn, text string) {
	tb.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
}

// wantClosed reads until the end of the connection and returns what came.
func wantClosed(tb testing.TB, c net.Conn) string {
	tb.Helper()
	var got strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		got.Write(buf[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			tb.Fatalf("connection is still open after %q", got.String())
		}
		if err != nil {
			return got.String()
		}
	}
}
