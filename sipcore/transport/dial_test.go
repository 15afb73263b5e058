package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"carillon/test/tool"
)

func remoteOf(l *Layer) netip.AddrPort { return netip.AddrPortFrom(l.opts.Addr, l.opts.Port) }

// TestDialJoined wants many Dials to one peer to share one connection.
func TestDialJoined(t *testing.T) {
	hb := &record{answer: echo}
	ha := &record{}
	a, b := listening(t, Options{}, ha), listening(t, Options{}, hb)
	const n = 50
	flows := make([]Flow, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if flows[i], err = a.Dial(t.Context(), TCP, remoteOf(b)); err != nil {
				t.Error(err)
			}
			if err = flows[i].Send([]byte(request(fmt.Sprint(i), 0))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, f := range flows {
		if f != flows[0] || f.IsZero() {
			t.Fatalf("got flows %v and %v, want one", f.ID(), flows[0].ID())
		}
	}
	ha.count(t, n)
	if got := flows[0].Local().Addr(); got != a.opts.Addr {
		t.Errorf("got source %v, want %v", got, a.opts.Addr)
	}
	// The peer finds the same connection when it dials back.
	back, err := b.Dial(t.Context(), TCP, flows[0].Local())
	if err != nil || back != hb.flow(t, 0) {
		t.Errorf("got %v, %v, want the accepted connection", back.Remote(), err)
	}
	flows[0].Close()
	wantOneClosed(t, ha, flows[0])
	wantOneClosed(t, hb, back)
	again, err := a.Dial(t.Context(), TCP, remoteOf(b))
	if err != nil || again == flows[0] {
		t.Errorf("got %v, %v, want a new flow", again, err)
	}
}

func TestDialErrors(t *testing.T) {
	l := listening(t, Options{ConnectTimeout: 100 * time.Millisecond}, &record{})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		kind   Kind
		remote string
		want   error
	}{
		{"refused", t.Context(), TCP, netip.AddrPortFrom(host(), 9).String(), syscall.ECONNREFUSED},
		{"silent", t.Context(), TCP, deafListener(t), context.DeadlineExceeded},
		{"given up", cancelled, TCP, deafListener(t), context.Canceled},
		{"other family", t.Context(), TCP, "[::1]:5060", ErrFamily},
		{"other family, UDP", t.Context(), UDP, "[::1]:5060", ErrFamily},
		{"no transport", t.Context(), 0, "127.0.0.1:5060", ErrKind},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin := tool.Start(t)
			_, err := l.Dial(tt.ctx, tt.kind, netip.MustParseAddrPort(tt.remote))
			var timeout net.Error
			timedOut := errors.As(err, &timeout) && timeout.Timeout()
			if !errors.Is(err, tt.want) && (!timedOut || !errors.Is(tt.want, context.DeadlineExceeded)) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if took := begin.Took(); took > patience/2 {
				t.Errorf("took %v", took)
			}
		})
	}
	eventually(t, "no place stays taken", func() bool {
		l.conns.mu.Lock()
		defer l.conns.mu.Unlock()
		return l.conns.places == 0
	})
}

// deafListener returns an address where connecting takes for ever: its backlog
// is full.
func deafListener(tb testing.TB) string {
	tb.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = syscall.Close(fd) })
	addr := netip.AddrPortFrom(host(), 5060)
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: 5060, Addr: addr.Addr().As4()}); err != nil {
		tb.Fatal(err)
	}
	if err = syscall.Listen(fd, 0); err != nil {
		tb.Fatal(err)
	}
	for range 2 {
		c, derr := net.DialTimeout("tcp", addr.String(), 50*time.Millisecond)
		if derr == nil {
			tb.Cleanup(func() { _ = c.Close() })
		}
	}
	return addr.String()
}

// TestDialNotRunning wants an answer, not a wait, before Run and after it.
func TestDialNotRunning(t *testing.T) {
	l, err := Open(Options{Addr: host()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err = l.Dial(t.Context(), TCP, netip.AddrPortFrom(host(), 9)); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		if err = l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDialIPv6 connects from one layer to another over IPv6, both listening on
// all addresses.
func TestDialIPv6(t *testing.T) {
	if !hasIPv6(t) {
		return
	}
	ha, hb := &record{}, &record{answer: echo}
	a, b := listening(t, Options{Port: freePort(t)}, ha), listening(t, Options{Port: freePort(t)}, hb)
	to := netip.AddrPortFrom(netip.IPv6Loopback(), b.Port())
	for i, k := range []Kind{TCP, UDP} {
		f, err := a.Dial(t.Context(), k, to)
		if err != nil {
			t.Fatal(err)
		}
		if err = f.Send([]byte(request("six", 0))); err != nil {
			t.Fatal(err)
		}
		if got := ha.flow(t, i); got != f || got.Local().Addr() != netip.IPv6Loopback() {
			t.Errorf("%v: got the answer by %v, want by %v", k, got.Local(), f.Local())
		}
	}
}
