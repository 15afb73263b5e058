package transport

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// TestUDPBurst has datagrams of many sizes wait in the kernel before anybody
// reads, and wants all of them, whole, in order, from whom they are from, and
// what comes after them too.
func TestUDPBurst(t *testing.T) {
	const n = 3*batchSize + 1 // full batches and one that is not
	type got struct {
		callID, body, from string
	}
	all := make(chan got, n+1)
	l, err := Open(Options{Addr: host()})
	if err != nil {
		t.Fatal(err)
	}
	peers := []net.Conn{dialTo(t, "udp", at(l)), dialTo(t, "udp", at(l))}
	size := func(i int) int { return i * i * 40 } // up to 23 kB: more than a page, less than the smallest buffers
	for i := range n {
		write(t, peers[i%2], request(fmt.Sprint(i), size(i)))
	}
	done := make(chan error, 1)
	go func() {
		done <- l.Run(context.Background(), handlerFunc(func(f Flow, m *message.Message) {
			all <- got{m.CallID(), m.Body(), f.Remote().String()}
		}))
	}()
	for i := range n + 1 {
		if i == n {
			write(t, peers[i%2], request(fmt.Sprint(i), size(i)))
		}
		var g got
		select {
		case g = <-all:
		case <-time.After(patience):
			t.Fatalf("datagram %d was never read", i)
		}
		want := got{fmt.Sprint(i), strings.Repeat("b", size(i)), peers[i%2].LocalAddr().String()}
		if g != want {
			t.Fatalf("datagram %d: got %s of %d bytes from %s, want %s of %d from %s",
				i, g.callID, len(g.body), g.from, want.callID, len(want.body), want.from)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
