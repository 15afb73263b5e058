package transport

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"carillon/sipcore/message"
)

// TestUDPBurst has datagrams of many sizes wait in the kernel before anybody
// reads, and wants all of them, whole, in the order of each flow, and what comes
// after them too.
func TestUDPBurst(t *testing.T) {
	const n = 3*batchSize + 1 // full batches and one that is not
	type got struct{ callID, body string }
	var mu sync.Mutex
	all := make(map[string][]got) // by sender
	l, err := Open(Options{Addr: host()})
	if err != nil {
		t.Fatal(err)
	}
	size := func(i int) int { return i * i * 40 } // up to 23 kB: more than a page, less than the smallest buffers
	peers := []net.Conn{dialTo(t, "udp", at(l)), dialTo(t, "udp", at(l))}
	send := func(from, to int) {
		for i := from; i < to; i++ {
			for _, c := range peers {
				write(t, c, request(fmt.Sprint(i), size(i)))
			}
		}
	}
	arrived := func(want int) {
		eventually(t, fmt.Sprintf("%d datagrams of each", want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(all[peers[0].LocalAddr().String()]) == want && len(all[peers[1].LocalAddr().String()]) == want
		})
	}
	send(0, n)
	done := make(chan error, 1)
	go func() {
		done <- l.Run(context.Background(), handlerFunc(func(f Flow, m *message.Message) {
			mu.Lock()
			defer mu.Unlock()
			from := f.Remote().String()
			all[from] = append(all[from], got{m.CallID(), m.Body()})
		}))
	}()
	arrived(n)
	send(n, n+1)
	arrived(n + 1)
	for from, list := range all {
		for i, g := range list {
			if want := (got{fmt.Sprint(i), strings.Repeat("b", size(i))}); g != want {
				t.Fatalf("datagram %d from %s: got %s of %d bytes, want %s of %d",
					i, from, g.callID, len(g.body), want.callID, len(want.body))
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
