package node

import (
	"net/netip"
	"testing"
)

func TestWhereProgramsAsk(t *testing.T) {
	listen := netip.MustParseAddr("172.30.42.11")
	for _, tt := range []struct {
		text   string
		listen netip.Addr
		want   string // "" is refused
	}{
		{"", listen, "172.30.42.11:8080"},
		{"", netip.Addr{}, "invalid AddrPort"},
		{"off", listen, "invalid AddrPort"},
		{"172.30.42.12", listen, "172.30.42.12:8080"},
		{"172.30.42.12:443", listen, "172.30.42.12:443"},
		{"[2001:db8::1]:443", listen, "[2001:db8::1]:443"},
		{"172.30.42.12:0", listen, ""},
		{":8080", listen, ""},
		{"here", listen, ""},
	} {
		got, err := parseAPI(tt.text, tt.listen)
		if err != nil && tt.want == "" {
			continue
		}
		if err != nil || got.String() != tt.want {
			t.Errorf("%q: got %v, %v, want %s", tt.text, got, err, tt.want)
		}
	}
	if all, _ := parseAPI("", netip.Addr{}); all.Port() != apiPort {
		t.Errorf("without --listen: got port %d", all.Port())
	}
	if none, _ := parseAPI(off, listen); none.Port() != 0 {
		t.Errorf("off: got port %d", none.Port())
	}
}
