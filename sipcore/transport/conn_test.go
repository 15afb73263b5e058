package transport

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// TestPipelined sends 5,000 requests down one connection, cut at odd places, and
// wants them, and their answers, in order.
func TestPipelined(t *testing.T) {
	const n = 5000
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	c := dialTo(t, "tcp", at(l))
	var stream strings.Builder
	for i := range n {
		stream.WriteString(request(fmt.Sprint(i), i%50))
	}
	go func() {
		r := rand.New(rand.NewPCG(1, 2))
		for rest := stream.String(); rest != ""; {
			k := min(len(rest), 1+r.IntN(3000))
			if _, err := io.WriteString(c, rest[:k]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[k:]
		}
	}()
	in, buf := newInbox(64<<10), make([]byte, 8192)
	for got := 0; got < n; {
		k, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		items, err := feed(in, string(buf[:k]), func() int { return k })
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			if !strings.Contains(item, fmt.Sprintf("Call-ID: %d\r\n", got)) {
				t.Fatalf("answer %d: got %q", got, item)
			}
			got++
		}
	}
	h.see(func() {
		for i, id := range h.received {
			if id != fmt.Sprint(i) {
				t.Fatalf("request %d: got Call-ID %s", i, id)
			}
		}
	})
	eventually(t, fmt.Sprintf("%d counted in and out", n), func() bool {
		got := l.Counters().TCP
		return got.In == n && got.Out == n
	})
}

func TestStreamFlow(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	c := dialTo(t, "tcp", at(l))
	echoed(t, c, "one")
	f := h.flow(t, 0)
	found, ok := l.Find(f.ID())
	if !ok || found != f || f.To(f.Local()) != f || f.ID() == 0 || f.ID()&udpBit != 0 {
		t.Errorf("Find: got %v, %v, want the flow itself", found, ok)
	}
	if f.Kind() != TCP || f.Local() != addrPortOf(c.RemoteAddr()) || f.Remote() != addrPortOf(c.LocalAddr()) {
		t.Errorf("got %v %v %v, want tcp %v %v", f.Kind(), f.Local(), f.Remote(), c.RemoteAddr(), c.LocalAddr())
	}
	_ = c.Close()
	wantOneClosed(t, h, f)
	if err := f.Send([]byte("x")); err != ErrClosed { //nolint:errorlint // exactly this
		t.Errorf("Send on a closed flow: got %v, want ErrClosed", err)
	}
	if _, ok = l.Find(f.ID()); ok || f.IsOpen() {
		t.Error("a closed flow is found, or open")
	}
}

// wantOneClosed waits for the notification, which must be the only one.
func wantOneClosed(tb testing.TB, h *record, f Flow) {
	tb.Helper()
	eventually(tb, "the flow's Closed", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.closed[f] > 0
	})
	h.see(func() {
		if h.closed[f] != 1 {
			tb.Errorf("got Closed %d times, want once", h.closed[f])
		}
	})
}

// TestClosedOnce ends flows in every way at once.
func TestClosedOnce(t *testing.T) {
	h := &record{answer: func(f Flow, _ *message.Message) { f.Close(); f.Close() }}
	l := listening(t, Options{}, h)
	const n = 50
	for i := range n {
		c := dialTo(t, "tcp", at(l))
		write(t, c, request(fmt.Sprint(i), 0)+request("never", 0))
		f := h.flow(t, i)
		go f.Close()
		go func() { _ = f.Send([]byte("x")) }()
		_ = c.Close()
	}
	eventually(t, "all flows end", func() bool { return l.Counters().Open == 0 })
	for i := range n {
		wantOneClosed(t, h, h.flow(t, i))
	}
	h.see(func() {
		if len(h.received) != n {
			t.Errorf("got %d messages, want %d: none after Close", len(h.received), n)
		}
	})
}

// TestCloseFlushes wants what was sent before Close to arrive, also when the
// peer's next bytes were never read.
func TestCloseFlushes(t *testing.T) {
	big := strings.Repeat("x", 700<<10)
	l := listening(t, Options{}, &record{answer: func(f Flow, _ *message.Message) {
		_ = f.Send([]byte(big))
		f.Close()
	}})
	c := dialTo(t, "tcp", at(l))
	write(t, c, request("a", 0)+strings.Repeat(request("b", 1000), 100))
	if got := wantClosed(t, c); got != big {
		t.Errorf("got %d bytes, want %d", len(got), len(big))
	}
}

// TestAnswersLeaveTogether wants the answers to messages that came together to
// wait for the last, and to leave also when that closes the flow.
func TestAnswersLeaveTogether(t *testing.T) {
	var mine atomic.Pointer[net.Conn]
	before := make(chan int, 2) // bytes that had come when the last message was handled
	l := listening(t, Options{}, &record{answer: func(f Flow, m *message.Message) {
		echo(f, m)
		if m.CallID() == "middle" {
			return
		}
		c := *mine.Load()
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, _ := c.Read(make([]byte, 1))
		_ = c.SetReadDeadline(time.Now().Add(patience))
		before <- n
		if m.CallID() == "end" {
			f.Close()
		}
	}})
	c := dialTo(t, "tcp", at(l))
	mine.Store(&c)
	write(t, c, request("middle", 0)+request("last", 0))
	want := response("middle") + response("last")
	buf := make([]byte, 2*len(want))
	if n := <-before; n != 0 {
		t.Error("the first answer did not wait for the second")
	}
	if n, err := c.Read(buf); string(buf[:n]) != want {
		t.Errorf("got %q, %v, want %q", buf[:n], err, want)
	}
	write(t, c, request("middle", 0)+request("end", 0)+request("none", 0))
	<-before
	if got, want := wantClosed(t, c), response("middle")+response("end"); got != want {
		t.Errorf("got %q before the end, want %q", got, want)
	}
}

func TestKeepAlive(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	for _, tt := range []struct {
		name   string
		pieces []string
		want   string
	}{
		{"ping", []string{"\r\n\r\n"}, "\r\n"},
		{"ping in two", []string{"\r\n", "\r\n"}, "\r\n"},
		{"ping in four", []string{"\r", "\n", "\r", "\n"}, "\r\n"},
		{"pong ignored", []string{"\r\n"}, ""},
		{"before a message", []string{"\r\n" + request("p", 0)}, response("p")},
		{"ping and message", []string{"\r\n\r\n" + request("p", 0)}, response("p") + "\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dialTo(t, "tcp", at(l))
			_ = c.(*net.TCPConn).SetNoDelay(true)
			for _, p := range tt.pieces {
				write(t, c, p)
				time.Sleep(5 * time.Millisecond) // so that they are pieces
			}
			_ = c.(*net.TCPConn).CloseWrite()
			if got := wantClosed(t, c); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestFramingLost wants an answer, and then the end of the connection.
func TestFramingLost(t *testing.T) {
	for name, length := range map[string]string{"negative": "-1", "huge": "2000000000", "word": "many"} {
		t.Run(name, func(t *testing.T) {
			h := &record{answer: echo}
			l := listening(t, Options{}, h)
			c := dialTo(t, "tcp", at(l))
			write(t, c, request("good", 0)+strings.Replace(request("bad", 0), "Length: 0", "Length: "+length, 1)+strings.Repeat("y", 50000))
			if got, want := wantClosed(t, c), response("good")+"SIP/2.0 400 Bad\r\nContent-Length: 0\r\n\r\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			wantOneClosed(t, h, h.flow(t, 0))
		})
	}
}

// TestMalformedInFrame wants the connection to go on where only a message is bad.
func TestMalformedInFrame(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	c := dialTo(t, "tcp", at(l))
	write(t, c, strings.Replace(request("bad", 0), "OPTIONS sip:x@127.0.0.1 SIP/2.0", "OPTIONS", 1)+request("good", 0))
	h.count(t, 1)
	h.see(func() {
		if len(h.malformed) != 1 || h.received[0] != "good" {
			t.Errorf("got %q malformed, %q received, want one each", h.malformed, h.received)
		}
	})
}

// TestHandlerPanics wants a panic to cost one message, and no other flow.
func TestHandlerPanics(t *testing.T) {
	var log strings.Builder
	h := &record{answer: func(f Flow, m *message.Message) {
		if m.CallID() == "bomb" {
			panic("secret: " + m.Raw())
		}
		echo(f, m)
	}}
	l := listening(t, Options{Logger: textLogger(&log)}, h)
	for _, network := range []string{"udp", "tcp"} {
		c := dialTo(t, network, at(l))
		write(t, c, request("bomb", 0))
		write(t, c, request("bomb", 0))
		echoed(t, c, "after")
	}
	if got := l.Counters().Panics; got != 4 {
		t.Errorf("got %d panics counted, want 4", got)
	}
	if got := strings.Count(log.String(), "level=ERROR"); got != 1 {
		t.Errorf("got %d lines logged, want 1:\n%s", got, log.String())
	}
	if strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "conn_test.go") {
		t.Errorf("the log has the message, or not the place:\n%s", log.String())
	}
}
