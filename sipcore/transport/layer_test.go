package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestCloseDrains wants what is queued at Close to arrive, and every flow and
// goroutine to end; listening checks the goroutines.
func TestCloseDrains(t *testing.T) {
	h := &record{answer: echo}
	var sent, got int
	t.Run("layer", func(t *testing.T) {
		l := listening(t, Options{}, h)
		c := dialTo(t, "tcp", at(l))
		echoed(t, c, "a")
		idle := dialTo(t, "tcp", at(l))
		echoed(t, idle, "idle")
		sent = backlog(t, l, h.flow(t, 0))
		var wg sync.WaitGroup
		wg.Go(func() { got = len(wantClosed(t, c)) })
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		wantClosed(t, idle)
		wantOneClosed(t, h, h.flow(t, 0))
		wantOneClosed(t, h, h.flow(t, 1))
		udp, _ := l.UDP(netip.MustParseAddrPort("127.0.0.1:9"))
		if err := udp.Send([]byte("late")); !errors.Is(err, ErrClosed) || udp.IsOpen() {
			t.Errorf("UDP after Close: got %v, open %v, want ErrClosed", err, udp.IsOpen())
		}
	})
	if got != sent {
		t.Errorf("got %d bytes, want %d", got, sent)
	}
}

// TestCloseDespiteDeafPeer wants Close to be brief whatever peers do.
func TestCloseDespiteDeafPeer(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{Linger: 200 * time.Millisecond}, h)
	echoed(t, dialTo(t, "tcp", at(l)), "a")
	backlog(t, l, h.flow(t, 0))
	begin := tool.Start(t)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if took := begin.Took(); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestRunEnds wants the end of the context to be an end like Close.
func TestRunEnds(t *testing.T) {
	addr := host()
	for range 3 { // the addresses are free again
		l, err := Open(Options{Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx, &record{answer: echo}) }()
		echoed(t, dialTo(t, "udp", at(l)), "a")
		cancel()
		if err = <-done; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
		if err = errors.Join(l.Close(), l.Close()); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
		if err = l.Run(t.Context(), nil); err == nil {
			t.Error("a second Run: got nil, want an error")
		}
	}
}

func TestOpenErrors(t *testing.T) {
	taken := listening(t, Options{}, &record{})
	for _, tt := range []struct {
		name string
		o    Options
		want error
		text string
	}{
		{"taken", Options{Addr: taken.opts.Addr}, syscall.EADDRINUSE, "listening on " + at(taken)},
		{"not ours", Options{Addr: netip.MustParseAddr("192.0.2.199")}, syscall.EADDRNOTAVAIL, "192.0.2.199:5060"},
		{"multicast", Options{Addr: netip.MustParseAddr("224.0.1.75")}, nil, "multicast"},
		{"negative", Options{MaxConns: -1}, nil, "negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.o)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

func TestIsOwn(t *testing.T) {
	one := listening(t, Options{}, &record{})
	all := listening(t, Options{Port: freePort(t)}, &record{})
	ifaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range ifaces {
		if addr := netip.MustParsePrefix(a.String()).Addr(); !all.IsOwn(addr) || one.IsOwn(addr) {
			t.Errorf("%v: got own %v on all addresses, %v on one, want true, false", addr, all.IsOwn(addr), one.IsOwn(addr))
		}
	}
	for _, tt := range []struct {
		addr     netip.Addr
		one, all bool
	}{
		{one.opts.Addr, true, true},
		{netip.AddrFrom16(one.opts.Addr.As16()), true, true},
		{host(), false, true},
		{netip.MustParseAddr("198.51.100.1"), false, false},
		{netip.MustParseAddr("2001:db8::1"), false, false},
	} {
		if got := one.IsOwn(tt.addr); got != tt.one {
			t.Errorf("%v on one address: got %v, want %v", tt.addr, got, tt.one)
		}
		if got := all.IsOwn(tt.addr); got != tt.all {
			t.Errorf("%v on all addresses: got %v, want %v", tt.addr, got, tt.all)
		}
	}
}

func TestZeroFlow(t *testing.T) {
	var f Flow
	f.Close()
	if err := f.Send([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Send: got %v, want ErrClosed", err)
	}
	got := fmt.Sprint(f.ID(), f.Kind(), f.Local().IsValid(), f.Remote().IsValid(), f.IsZero(), f.IsOpen(), f.To(netip.AddrPort{}) == f)
	if want := "0  false false true false true"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
