package transport

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPktinfo reads back what sourceInfo writes: where a datagram came to is
// where its answer leaves from.
func TestPktinfo(t *testing.T) {
	for _, tt := range []struct {
		addr string
		ok   bool
	}{
		{"192.0.2.1", true},
		{"2001:db8::1", true},
		{"fe80::1%7", true},
		{"0.0.0.0", false},
		{"::", false},
	} {
		addr := netip.MustParseAddr(tt.addr)
		oob := sourceInfo(addr)
		if addr.Is4() && oob != nil { // the kernel's has both addresses
			oob = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: addr.As4(), Addr: [4]byte{255, 255, 255, 255}})
		}
		got, ok := destination(oob)
		if ok != tt.ok || ok && got != addr {
			t.Errorf("%s: got %v, %v, want ok %v", tt.addr, got, ok, tt.ok)
		}
	}
	foreign := unix.UnixRights(1)
	if got, ok := destination(append(foreign, sourceInfo(netip.MustParseAddr("192.0.2.1"))...)); !ok || got.String() != "192.0.2.1" {
		t.Errorf("behind another control message: got %v, %v", got, ok)
	}
	if _, ok := destination(foreign[:len(foreign)-1]); ok {
		t.Error("a cut one: got an address")
	}
}

func TestZoneID(t *testing.T) {
	for addr, want := range map[string]uint32{"192.0.2.1": 0, "fe80::1": 0, "fe80::1%12": 12, "fe80::1%lo": 1, "fe80::1%nosuch": 0} {
		if got := zoneID(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %d, want %d", addr, got, want)
		}
	}
}
