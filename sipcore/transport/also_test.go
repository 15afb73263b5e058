package transport

import (
	"net"
	"net/netip"
	"testing"
)

// A node that gets one more address answers there as at its own; when it loses the
// address, what came to it is reset and nobody listens any more.
func TestAlso(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	other := host()
	there := netip.AddrPortFrom(other, l.opts.Port)
	own := dialTo(t, "tcp", at(l))
	echoed(t, own, "own")
	for range 2 { // it comes, goes and comes again
		if err := l.Also(other); err != nil {
			t.Fatal(err)
		}
		if !l.IsOwn(other) || l.Also(host()) == nil {
			t.Errorf("it is not its own, or not the only one more")
		}
		stream, datagrams := dialTo(t, "tcp", there.String()), dialTo(t, "udp", there.String())
		echoed(t, stream, "stream")
		echoed(t, datagrams, "datagram")
		back, ok := l.UDPFrom(there, netip.MustParseAddrPort(datagrams.LocalAddr().String()))
		if !ok || back.Local() != there {
			t.Fatalf("the way back: %v, from %s, want from %s", ok, back.Local(), there)
		}
		if err := back.Send([]byte(request("back", 0))); err != nil {
			t.Error(err)
		}
		if _, err := datagrams.Read(make([]byte, 1024)); err != nil { // a connected socket hears nobody else
			t.Errorf("nothing came back: %v", err)
		}
		l.NoMore(host()) // not the one
		echoed(t, stream, "still")
		l.NoMore(other)
		wantClosed(t, stream)
		if c, err := net.DialTimeout("tcp", there.String(), patience); err == nil {
			t.Errorf("somebody listens after the address is gone: %v", c.Close())
		}
		if _, ok = l.UDPFrom(there, netip.MustParseAddrPort("127.0.0.1:9")); ok || l.IsOwn(other) || back.IsOpen() && back.Send([]byte("late")) == nil {
			t.Error("it sends from an address that is gone")
		}
	}
	echoed(t, own, "own again")
	if err := l.Also(other); err != nil {
		t.Error(err) // and Close closes it
	}
}

// A layer on all addresses has the new one already; it learns that it is one.
func TestAlsoOfAllAddresses(t *testing.T) {
	l := listening(t, Options{Port: freePort(t), TLSPort: freePort(t)}, &record{answer: echo})
	other := netip.MustParseAddr("192.0.2.77") // nobody's
	if err := l.Also(other); err != nil || !l.IsOwn(other) {
		t.Fatalf("got %v, own %v", err, l.IsOwn(other))
	}
	l.NoMore(other)
	if l.IsOwn(other) {
		t.Error("it is its own when it is gone")
	}
}
