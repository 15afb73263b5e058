package transport

import "testing"

func TestKind(t *testing.T) {
	for _, tt := range []struct {
		kind     Kind
		name     string
		via      string
		reliable bool
		secure   bool
		dials    bool
	}{
		{UDP, "udp", "UDP", false, false, true},
		{TCP, "tcp", "TCP", true, false, true},
		{TLS, "tls", "TLS", true, true, true},
		{WS, "ws", "WS", true, false, false},
		{WSS, "wss", "WSS", true, true, false},
		{0, "", "", false, false, false},
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
		if got := tt.kind.Secure(); got != tt.secure {
			t.Errorf("%v: Secure: got %v, want %v", tt.kind, got, tt.secure)
		}
		if got := tt.kind.Dials(); got != tt.dials {
			t.Errorf("%v: Dials: got %v, want %v", tt.kind, got, tt.dials)
		}
		if got, ok := KindOf(tt.via); got != tt.kind || ok != (tt.kind != 0) {
			t.Errorf("KindOf(%q): got %v, %v, want %v", tt.via, got, ok, tt.kind)
		}
	}
}
