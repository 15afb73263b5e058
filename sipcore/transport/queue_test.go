package transport

import (
	"testing"

	"carillon/sipcore/message"
)

// Datagrams wait while the reader is busy, and are lost when there are too many.
func TestUDPQueue(t *testing.T) {
	release := make(chan struct{})
	l := listening(t, Options{}, handlerFunc(func(Flow, *message.Message) { <-release }))
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
	close(release)
	eventually(t, "none waits", func() bool {
		waiting, _ := l.UDPQueue()
		return waiting == 0
	})
}
