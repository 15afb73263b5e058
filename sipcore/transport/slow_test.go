package transport

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// textLogger writes to w, from any number of goroutines.
func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// TestDeafPeer floods a peer that does not read, while others are answered.
func TestDeafPeer(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{QueueBytes: 256 << 10, Stall: time.Minute}, h)
	deaf := dialTo(t, "tcp", at(l))
	echoed(t, deaf, "deaf")
	f := h.flow(t, 0)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	var err error
	wg.Go(func() {
		b := make([]byte, 10000)
		for err == nil {
			err = f.Send(b)
		}
		close(stop)
	})
	var worst time.Duration
	others := []net.Conn{dialTo(t, "tcp", at(l)), dialTo(t, "udp", at(l))}
	for i := range 100 {
		begin := time.Now()
		echoed(t, others[i%2], fmt.Sprint(i))
		worst = max(worst, time.Since(begin))
	}
	t.Logf("others were answered within %v", worst)
	<-stop
	wg.Wait()
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	wantOneClosed(t, h, f)
	eventually(t, "the queue is given back", func() bool { return l.Counters().Held == 0 })
	if got := l.Counters(); got.Dropped.QueueFull != 1 || got.Open != 1 {
		t.Errorf("got %+v, want one flow closed, for a full queue, and one open", got)
	}
	if err = f.Send(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// backlog sends to f until some of it must be queued.
func backlog(tb testing.TB, l *Layer, f Flow) (sent int) {
	tb.Helper()
	b := []byte(strings.Repeat("0123456789", 1000))
	for l.Counters().Held == 0 {
		if err := f.Send(b); err != nil {
			tb.Fatal(err)
		}
		sent += len(b)
	}
	return sent
}

// TestStall closes a flow that makes no progress.
func TestStall(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{Stall: 50 * time.Millisecond}, h)
	c := dialTo(t, "tcp", at(l))
	echoed(t, c, "a")
	f := h.flow(t, 0)
	backlog(t, l, f)
	wantOneClosed(t, h, f)
	eventually(t, "the end is counted", func() bool { return l.Counters().Dropped.Stalled == 1 })
}

// TestSlowPeer wants a peer that reads slowly, but reads, to get everything in
// order, and the drainer to be gone when there is nothing to drain.
func TestSlowPeer(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{Stall: 5 * time.Second}, h)
	c := dialTo(t, "tcp", at(l))
	echoed(t, c, "a")
	f := h.flow(t, 0)
	sent := backlog(t, l, f)
	for range 50 { // behind the backlog
		if err := f.Send([]byte(strings.Repeat("0123456789", 100))); err != nil {
			t.Fatal(err)
		}
		sent += 1000
	}
	buf := make([]byte, 7777)
	for got := 0; got < sent; {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range buf[:n] {
			if b != byte('0'+(got+i)%10) {
				t.Fatalf("byte %d: got %c", got+i, b)
			}
		}
		got += n
	}
	eventually(t, "the backlog ends", func() bool { return l.Counters().Held == 0 })
	o := f.carrier.(*conn).out
	eventually(t, "the drainer ends", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.drained == nil
	})
	echoed(t, c, "b")
}

// TestHalfMessages wants 100 connections with half a message, and 100 with
// nothing at all, to cost the others nothing and to end in time.
func TestHalfMessages(t *testing.T) {
	h := &record{answer: echo}
	const half = 400 * time.Millisecond
	l := listening(t, Options{HalfMessage: half}, h)
	quiet := dialTo(t, "tcp", at(l))
	echoed(t, quiet, "quiet")
	begin := time.Now()
	var slow []net.Conn
	for i := range 200 {
		c := dialTo(t, "tcp", at(l))
		switch i % 4 {
		case 0: // nothing
		case 1:
			write(t, c, "OPTIONS sip:x SIP/2.0\r\nVia: SI")
		case 2:
			write(t, c, request("whole", 0)+request("half", 50000)[:40000])
		case 3:
			go func() { // byte by byte: no byte starts the clock anew
				for _, b := range []byte(request("slow", 100)) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			}()
		}
		slow = append(slow, c)
	}
	for i := range 20 {
		echoed(t, dialTo(t, "tcp", at(l)), fmt.Sprint("tcp", i))
		echoed(t, dialTo(t, "udp", at(l)), fmt.Sprint("udp", i))
	}
	for _, c := range slow {
		wantClosed(t, c)
	}
	if took := time.Since(begin); took < half {
		t.Errorf("closed after %v, want not before %v", took, half)
	}
	eventually(t, "all are counted", func() bool { return l.Counters().Dropped.HalfMessage == 200 })
	echoed(t, quiet, "still here") // it has been quiet, which is its right
}

// TestByteLimit closes the flow that asks for more than all may hold together.
func TestByteLimit(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{MaxBytes: 100 << 10}, h)
	var conns []net.Conn
	for range 5 {
		c := dialTo(t, "tcp", at(l))
		echoed(t, c, "a")
		write(t, c, request("half", 50000)[:30000])
		conns = append(conns, c)
	}
	eventually(t, "some are closed", func() bool { return l.Counters().Dropped.Memory >= 2 })
	if got := l.Counters(); got.Held > 100<<10 || got.Open == 0 {
		t.Errorf("got %+v, want some open within the limit", got)
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

func TestConnLimits(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
		want Drops
	}{
		{"together", Options{MaxConns: 3}, Drops{ConnLimit: 2}},
		{"from one address", Options{MaxConnsPerIP: 3}, Drops{IPLimit: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &record{answer: echo}
			l := listening(t, tt.o, h)
			var in []net.Conn
			for i := range 3 {
				c := dialTo(t, "tcp", at(l))
				echoed(t, c, fmt.Sprint(i))
				in = append(in, c)
			}
			for range 2 {
				if c, err := net.Dial("tcp", at(l)); err == nil { // else it was quicker
					wantClosed(t, c)
					_ = c.Close()
				}
			}
			eventually(t, fmt.Sprintf("counters say %+v", tt.want), func() bool { return l.Counters().Dropped == tt.want })
			_ = in[0].Close()
			eventually(t, "the place is given back", func() bool {
				c, err := net.Dial("tcp", at(l))
				if err != nil {
					return false
				}
				t.Cleanup(func() { _ = c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience))
				_, _ = io.WriteString(c, request("again", 0))
				n, err := c.Read(make([]byte, 100))
				return err == nil && n > 0
			})
			echoed(t, in[1], "others")
		})
	}
}

// TestPingFlood wants pings that come together to share one answer.
func TestPingFlood(t *testing.T) {
	l := listening(t, Options{}, &record{answer: func(f Flow, m *message.Message) { echo(f, m) }})
	c := dialTo(t, "tcp", at(l))
	write(t, c, strings.Repeat("\r\n\r\n", 100000))
	_ = c.(*net.TCPConn).CloseWrite()
	got := len(wantClosed(t, c)) / 2
	if got == 0 || got > 10000 {
		t.Errorf("got %d answers to 100000 pings that came together", got)
	}
	t.Logf("%d answers", got)
}
