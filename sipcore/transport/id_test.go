package transport

import (
	"net/netip"
	"testing"
)

func TestPairID(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.2:5060")
	seen := make(map[uint64]string)
	for _, tt := range []struct {
		name          string
		local, remote netip.AddrPort
	}{
		{"one way", a, b},
		{"the other", b, a},
		{"port of remote", a, netip.AddrPortFrom(b.Addr(), 5061)},
		{"port of local", netip.AddrPortFrom(a.Addr(), 5061), b},
		{"IPv6", netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:5060")},
	} {
		id := pairID(tt.local, tt.remote)
		if id == 0 || id&udpBit == 0 {
			t.Errorf("%s: got %#x, want the UDP bit", tt.name, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the ID of %s", tt.name, other)
		}
		seen[id] = tt.name
		if again := pairID(tt.local, tt.remote); again != id {
			t.Errorf("%s: got %#x, then %#x", tt.name, id, again)
		}
	}
	// The value itself is part of what outlives a restart.
	if got, want := pairID(a, b), uint64(0xb17cadb6c1d7a866); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
}

func TestCounter(t *testing.T) {
	c, d := newCounter(), newCounter()
	seen := make(map[uint64]bool)
	for range 1000 {
		for _, id := range []uint64{c.id(), d.id()} {
			if id == 0 || id&udpBit != 0 || seen[id] {
				t.Fatalf("got %#x: zero, a UDP flow's, or a second time", id)
			}
			seen[id] = true
		}
	}
	wraps := &counter{base: udpBit - 1}
	if got := wraps.id(); got != 1 {
		t.Errorf("at the end of the numbers: got %#x, want 1", got)
	}
}
