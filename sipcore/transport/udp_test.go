package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// portsTaken counts what freePort has looked at.
var portsTaken atomic.Uint32

// freePort returns a port that nobody has on any address, and that it returns
// once. Ports below the kernel's own range are never given to a connection that
// asks for none, so one that was free stays free until its test has it; tests of
// other processes begin elsewhere.
func freePort(tb testing.TB) uint16 {
	tb.Helper()
	const first, n = 10_000, 20_000
	for range n {
		port := first + (uint32(os.Getpid())*97+portsTaken.Add(1))%n
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		pc, err := net.ListenPacket("udp", ln.Addr().String())
		_ = ln.Close()
		if err == nil {
			_ = pc.Close()
			return uint16(port)
		}
	}
	tb.Fatal("no free port")
	return 0
}

// echoed sends a request on c and wants its 200 back.
func echoed(tb testing.TB, c net.Conn, callID string) {
	tb.Helper()
	write(tb, c, request(callID, 0))
	buf := make([]byte, maxDatagram)
	n, err := c.Read(buf)
	if err != nil || !strings.Contains(string(buf[:n]), "Call-ID: "+callID+"\r\n") {
		tb.Fatalf("%s over %s: got %q, %v, want its response", callID, c.RemoteAddr().Network(), buf[:n], err)
	}
}

func TestUDPOneAddress(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	c := dialTo(t, "udp", at(l))
	echoed(t, c, "one")
	f := h.flow(t, 0)
	if got, want := f.Local().String(), at(l); got != want || f.Kind() != UDP || !f.IsOpen() || f.IsZero() {
		t.Errorf("got %v flow at %s, want udp at %s", f.Kind(), got, want)
	}
	if got, want := f.Remote(), addrPortOf(c.LocalAddr()); got != want {
		t.Errorf("got remote %v, want %v", got, want)
	}
	again, ok := l.UDP(f.Remote())
	if !ok || again != f || again.ID() != f.ID() {
		t.Errorf("UDP: got %v, %v, want the flow itself", again, ok)
	}
	if other := f.To(netip.MustParseAddrPort("127.0.0.1:9")); other == f || other.ID() == f.ID() || other.Local() != f.Local() {
		t.Error("To: got the same flow, want another with the same local address")
	}
	if _, ok = l.Find(f.ID()); ok {
		t.Error("Find: got a UDP flow, want none: they are not stored")
	}
	if _, ok = l.UDP(netip.MustParseAddrPort("[::1]:9")); ok {
		t.Error("UDP: got an IPv6 flow from an IPv4 listener")
	}
}

// addrPortOf returns the address of any socket.
func addrPortOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

// TestUDPAllAddresses wants each answer from the address that was asked: the
// peers' sockets are connected, so that they would not see another.
func TestUDPAllAddresses(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{Port: freePort(t)}, h)
	first := host()
	for i, to := range []string{first.String(), host().String(), "127.0.0.1", "::1", first.String()} {
		if to == "::1" && !hasIPv6(t) {
			continue
		}
		for _, network := range []string{"udp", "tcp"} {
			c := dialTo(t, network, net.JoinHostPort(to, fmt.Sprint(l.Port())))
			echoed(t, c, fmt.Sprintf("%s%d", network, i))
			var f Flow
			h.see(func() { f = h.flows[len(h.flows)-1] })
			if got := f.Local(); got != addrPortOf(c.RemoteAddr()) || !l.IsOwn(got.Addr()) {
				t.Errorf("to %s: got local %v, own: %v", to, got, l.IsOwn(got.Addr()))
			}
			if network == "udp" {
				if again, ok := l.UDPFrom(f.Local(), f.Remote()); !ok || again != f {
					t.Errorf("UDPFrom: got %v, %v, want the flow itself", again, ok)
				}
			}
		}
	}
	if n := len(*l.socketFor(first).points.Load()); n > 3 {
		t.Errorf("got %d points for 3 addresses", n)
	}
}

func hasIPv6(tb testing.TB) bool {
	tb.Helper()
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		tb.Log("no IPv6 here")
		return false
	}
	return ln.Close() == nil
}

// TestUDPFacing asks for flows that nothing came by.
func TestUDPFacing(t *testing.T) {
	l := listening(t, Options{Port: freePort(t)}, &record{})
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close() //nolint:errcheck // it carried nothing
	f, ok := l.UDP(addrPortOf(peer.LocalAddr()))
	if !ok || f.Local() != netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.Port()) {
		t.Fatalf("got %v, %v, want a flow from 127.0.0.1", f.Local(), ok)
	}
	from := host()
	g, ok := l.UDPFrom(netip.AddrPortFrom(from, l.Port()), f.Remote())
	if !ok || g == f {
		t.Fatalf("got %v, %v, want a flow from %v", g.Local(), ok, from)
	}
	for _, f := range []Flow{f, g} {
		if err = f.Send([]byte("hello there")); err != nil {
			t.Fatal(err)
		}
		_ = peer.SetReadDeadline(time.Now().Add(patience))
		if _, sender, err := peer.ReadFrom(make([]byte, 100)); err != nil || addrPortOf(sender) != f.Local() {
			t.Errorf("got it from %v, %v, want %v", sender, err, f.Local())
		}
	}
	for _, local := range []string{"192.0.2.99:" + fmt.Sprint(l.Port()), "127.0.0.1:1", "[::1]:" + fmt.Sprint(l.Port())} {
		if _, ok = l.UDPFrom(netip.MustParseAddrPort(local), f.Remote()); ok {
			t.Errorf("UDPFrom %s: got a flow, want none", local)
		}
	}
}

// TestUDPIDAfterRestart wants the ID of an address pair to outlive the layer.
func TestUDPIDAfterRestart(t *testing.T) {
	addr, remote := host(), netip.MustParseAddrPort("127.0.0.1:9")
	var ids [2]uint64
	for i := range ids {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			l := listening(t, Options{Addr: addr}, &record{})
			f, _ := l.UDP(remote)
			ids[i] = f.ID()
		})
	}
	if ids[0] != ids[1] || ids[0] == 0 {
		t.Errorf("got %#x, then %#x", ids[0], ids[1])
	}
}

func TestUDPDatagrams(t *testing.T) {
	for _, tt := range []struct {
		name                string
		datagram            string
		received, malformed int
		junk                uint64
	}{
		{"request", request("m", 10), 1, 0, 0},
		{"more than Content-Length", request("m", 10) + "garbage", 1, 0, 0},
		{"less than Content-Length", strings.TrimSuffix(request("m", 10), "b"), 0, 1, 0},
		{"ping", "\r\n\r\n", 0, 0, 1},
		{"zeros", "\x00\x00\x00\x00", 0, 0, 1},
		{"empty", "", 0, 0, 1},
		{"noise", "complete nonsense", 0, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &record{}
			l := listening(t, Options{}, h)
			c := dialTo(t, "udp", at(l))
			write(t, c, tt.datagram)
			write(t, c, request("last", 0))
			h.count(t, tt.received+1)
			h.see(func() {
				if got := len(h.received) - 1; got != tt.received || len(h.malformed) != tt.malformed {
					t.Errorf("got %d received, %q malformed, want %d, %d", got, h.malformed, tt.received, tt.malformed)
				}
			})
			if got := l.Counters(); got.Dropped.Junk != tt.junk || got.UDP.Malformed != uint64(tt.malformed) {
				t.Errorf("got %+v, want %d junk, %d malformed", got, tt.junk, tt.malformed)
			}
		})
	}
}

// TestUDPBody wants the body cut to its Content-Length (RFC 3261 section 18.3).
func TestUDPBody(t *testing.T) {
	bodies := make(chan string, 1)
	l := listening(t, Options{}, &record{answer: func(_ Flow, m *message.Message) { bodies <- m.Body() }})
	write(t, dialTo(t, "udp", at(l)), request("m", 3)+"garbage")
	if got := <-bodies; got != "bbb" {
		t.Errorf("got %q, want bbb", got)
	}
}

// TestUDPDeadPeer sends to a port where nobody is; the ICMP answers harm nobody.
func TestUDPDeadPeer(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	dead, _ := l.UDP(netip.AddrPortFrom(host(), 1))
	for range 100 {
		if err := dead.Send([]byte(request("dead", 0))); err != nil {
			t.Fatal(err)
		}
	}
	echoed(t, dialTo(t, "udp", at(l)), "alive")
}

func TestUDPTooLarge(t *testing.T) {
	l := listening(t, Options{}, &record{})
	f, _ := l.UDP(netip.AddrPortFrom(host(), 9))
	if err := f.Send(make([]byte, 66000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

// TestUDPPoints wants no more points than maxPoints, whatever the kernel says is ours.
func TestUDPPoints(t *testing.T) {
	l := listening(t, Options{Port: freePort(t)}, &record{})
	s := l.udp[0]
	for i := range maxPoints + 100 {
		s.point(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}))
	}
	if n := len(*s.points.Load()); n > maxPoints+1 {
		t.Errorf("got %d points, want at most %d", n, maxPoints+1)
	}
}
