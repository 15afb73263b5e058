package transport

import (
	"sync"
	"testing"

	"carillon/sipcore/message"
)

// Datagrams wait while the reader is busy, and are lost when there are too many.
func TestUDPQueue(t *testing.T) {
	busy := make(chan struct{})
	release := sync.OnceFunc(func() { close(busy) })
	l := listening(t, Options{}, handlerFunc(func(Flow, *message.Message) { <-busy }))
	t.Cleanup(release) // before the layer is closed, which waits for its reader
	c := dialTo(t, "udp", at(l))
	if waiting, lost := l.UDPQueue(); waiting != 0 || lost != 0 {
		t.Errorf("before: got %d waiting, %d lost", waiting, lost)
	}
	datagram := request("1", 1000)
	eventually(t, "datagrams wait", func() bool {
		write(t, c, datagram)
		waiting, _ := l.UDPQueue()
		return waiting > 0
	})
	eventually(t, "datagrams are lost", func() bool {
		for range 100 {
			write(t, c, datagram)
		}
		_, lost := l.UDPQueue()
		return lost > 0
	})
	release()
	eventually(t, "none waits", func() bool {
		waiting, _ := l.UDPQueue()
		return waiting == 0
	})
}
