package node

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestExplainListen(t *testing.T) {
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	_, taken := net.ListenPacket("udp4", udp.LocalAddr().String())
	_, elsewhere := net.Listen("tcp4", "192.0.2.1:5060")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"a port in use", taken, udp.LocalAddr().String() + " (udp) is taken by another program"},
		{"somebody else's address", elsewhere, "192.0.2.1:5060 (tcp) cannot be listened on: this machine does not have that address"},
		{"anything else", errors.New("out of paper"), "wrapped: out of paper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := explainListen(fmt.Errorf("wrapped: %w", tt.err)).Error()
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
