package transport

import (
	"encoding/hex"
	"net"
	"net/netip"
	"testing"
	"time"
)

// binding is a Binding request with the transaction ID of RFC 5769 section 2.
const binding = "000100002112a442b7e7a701bc34d686fa87dfae"

// TestBindingAnswer: the answer is that of RFC 5769 section 2.2 and 2.3, without
// what this server does not add.
func TestBindingAnswer(t *testing.T) {
	tests := []struct{ name, from, want string }{
		{"IPv4", "192.0.2.1:32853", "0101000c2112a442b7e7a701bc34d686fa87dfae" + "002000080001a147e112a643"},
		{"IPv6", "[2001:db8:1234:5678:11:2233:4455:6677]:32853", "010100182112a442b7e7a701bc34d686fa87dfae" + "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"},
	}
	ask, _ := hex.DecodeString(binding)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := hex.EncodeToString(appendBinding(nil, ask, netip.MustParseAddrPort(tt.from)))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestIsBinding(t *testing.T) {
	tests := []struct {
		name, hex string
		want      bool
	}{
		{"a request", binding, true},
		{"a request with an attribute", "000100082112a442b7e7a701bc34d686fa87dfae" + "8022000461626364", true},
		{"an answer", "010100002112a442b7e7a701bc34d686fa87dfae", false},
		{"an indication", "001100002112a442b7e7a701bc34d686fa87dfae", false},
		{"no cookie", "0001000000000000b7e7a701bc34d686fa87dfae", false},
		{"too short", binding[:38], false},
		{"longer than it says", binding + "00", false},
		{"SIP", hex.EncodeToString([]byte("OPTIONS sip:tel.test SIP/2.0\r\n\r\n")), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			datagram, err := hex.DecodeString(tt.hex)
			if err != nil {
				t.Fatal(err)
			}
			if got := isBinding(datagram); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestKeepAliveOverUDP: a phone that asks by STUN whether its flow works is
// answered from the SIP port (RFC 5626 section 3.5.2).
func TestKeepAliveOverUDP(t *testing.T) {
	l := listening(t, Options{}, &record{})
	conn, err := net.Dial("udp", at(l))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ask, _ := hex.DecodeString(binding)
	if _, err = conn.Write(ask); err != nil {
		t.Fatal(err)
	}
	if err = conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	want := appendBinding(nil, ask, netip.MustParseAddrPort(conn.LocalAddr().String()))
	if got := hex.EncodeToString(buf[:n]); got != hex.EncodeToString(want) {
		t.Errorf("got %s, want %x", got, want)
	}
}
