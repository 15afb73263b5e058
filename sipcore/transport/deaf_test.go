package transport

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// A layer that is deaf to an address neither hears it nor is heard there, and closes
// nothing; afterwards a connection goes on with what has come meanwhile.
func TestDeafen(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	stream, datagrams := dialTo(t, "tcp", at(l)), dialTo(t, "udp", at(l))
	echoed(t, stream, "stream")
	echoed(t, datagrams, "datagram")
	to := h.flow(t, 1)
	l.Deafen(func(peer netip.Addr, _ []byte) bool { return peer.IsLoopback() })
	write(t, stream, request("kept", 0))
	write(t, datagrams, request("lost", 0))
	if err := to.Send([]byte(request("unheard", 0))); err != nil {
		t.Errorf("sending to whom it is deaf: %v", err)
	}
	if err := datagrams.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := datagrams.Read(make([]byte, 1024)); err == nil {
		t.Errorf("%d bytes came from the deaf", n)
	}
	h.see(func() {
		if len(h.received) != 2 {
			t.Errorf("it heard %v", h.received)
		}
	})
	l.Deafen(nil)
	h.count(t, 3)
	h.see(func() {
		if h.received[2] != "kept" {
			t.Errorf("afterwards it heard %v", h.received)
		}
	})
}

// What is to be heard is heard on a connection, also behind what is not.
func TestDeafenedStreamIsLookedAt(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, Options{}, h)
	stream := dialTo(t, "tcp", at(l))
	echoed(t, stream, "stream")
	waits := make(chan struct{}, 1)
	l.Deafen(func(_ netip.Addr, came []byte) bool {
		if len(came) > 0 {
			select {
			case waits <- struct{}{}:
			default:
			}
		}
		return !bytes.Contains(came, []byte("help"))
	})
	write(t, stream, request("kept", 0))
	<-waits
	write(t, stream, request("help", 0))
	h.count(t, 3)
	h.see(func() {
		if h.received[1] != "kept" || h.received[2] != "help" {
			t.Errorf("it heard %v", h.received)
		}
	})
}
