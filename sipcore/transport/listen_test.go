package transport

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// option reads a socket option.
func option(tb testing.TB, c syscall.Conn, level, name int) (value int) {
	tb.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		tb.Fatal(err)
	}
	cerr := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) })
	if cerr != nil || err != nil {
		tb.Fatal(cerr, err)
	}
	return value
}

// TestSocketOptions wants the kernel to look after connections, accepted and
// opened alike.
func TestSocketOptions(t *testing.T) {
	ha, hb := &record{}, &record{answer: echo}
	a, b := listening(t, Options{}, ha), listening(t, Options{}, hb)
	opened, err := a.Dial(t.Context(), TCP, remoteOf(b))
	if err != nil {
		t.Fatal(err)
	}
	if err = opened.Send([]byte(request("a", 0))); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Flow{"opened": opened, "accepted": hb.flow(t, 0)} {
		for _, o := range []struct{ level, name, want int }{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.SOL_SOCKET, unix.SO_SNDBUF, 2 * tcpUnsent},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepIdle},
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout},
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		} {
			if got := option(t, f.carrier.(*conn).nc.(*net.TCPConn), o.level, o.name); got != o.want {
				t.Errorf("%s: option %d: got %d, want %d", name, o.name, got, o.want)
			}
		}
	}
	t.Logf("UDP receive buffer: %d bytes", option(t, a.udp[0].pc, unix.SOL_SOCKET, unix.SO_RCVBUF))
}
