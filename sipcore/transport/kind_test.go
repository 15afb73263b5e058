package transport

import "testing"

func TestKind(t *testing.T) {
	for _, tt := range []struct {
		kind     Kind
		name     string
		via      string
		reliable bool
	}{
		{UDP, "udp", "UDP", false},
		{TCP, "tcp", "TCP", true},
		{0, "", "", false},
	} {
		if got := tt.kind.String(); got != tt.name {
			t.Errorf("String: got %q, want %q", got, tt.name)
		}
		if got := tt.kind.Via(); got != tt.via {
			t.Errorf("Via: got %q, want %q", got, tt.via)
		}
		if got := tt.kind.Reliable(); got != tt.reliable {
			t.Errorf("%v: Reliable: got %v, want %v", tt.kind, got, tt.reliable)
		}
		if got, ok := KindOf(tt.via); got != tt.kind || ok != (tt.kind != 0) {
			t.Errorf("KindOf(%q): got %v, %v, want %v", tt.via, got, ok, tt.kind)
		}
	}
}
