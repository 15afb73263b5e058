package transport

import (
	"fmt"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// TestLag: while a message is not handled to its end, those behind it get late;
// when all are handled, nothing is.
func TestLag(t *testing.T) {
	goOn := make(chan struct{})
	r := &record{answer: func(Flow, *message.Message) { <-goOn }}
	l := listening(t, Options{}, r)
	if got := l.Lag(); got != 0 {
		t.Fatalf("nothing came: got %v, want 0", got)
	}
	c := dialTo(t, "udp", at(l))
	began := time.Now()
	for i := range 4 * batchSize {
		write(t, c, request(fmt.Sprint(i), 0))
	}
	eventually(t, "the node is 50 ms behind", func() bool { return l.Lag() >= 50*time.Millisecond })
	if got, most := l.Lag(), time.Since(began); got > most {
		t.Errorf("got %v, although the first datagram was sent %v ago", got, most)
	}
	close(goOn)
	r.count(t, 4*batchSize)
	if got := l.Lag(); got != 0 {
		t.Errorf("all was handled: got %v, want 0", got)
	}
}
