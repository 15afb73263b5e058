package link

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// A port that is deaf to a node behaves as if the line were cut: no packet and no
// answer passes, nobody is refused, and only what may pass does. Afterwards what
// stood still goes on.
func TestDeafen(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	echo := func(_ context.Context, _ Peer, body []byte) ([]byte, error) { return body, nil }
	b.HandleAsk("echo", echo)
	b.HandleThrough("echo", echo)
	packets := make(chan string, 100)
	b.HandlePacket('t', func(string, netip.AddrPort, []byte) { packets <- "one" })
	a.HandlePacket('t', func(string, netip.AddrPort, []byte) {})
	stopA, stopB := run(t, a), run(t, b)
	defer stopB()
	defer stopA()
	ask := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := a.Ask(ctx, "mons", b.Address(), "echo", []byte("x"))
		return err
	}
	if err := ask(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	hears := func() bool {
		_ = a.SendPacket('t', "mons", b.Address(), []byte("x"))
		select {
		case <-packets:
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	}
	eventually(t, "packets arrive", hears)

	b.Deafen(func(node string) bool { return node == "hardy" })
	late := make(chan error, 1)
	go func() { late <- ask(20 * time.Second) }() // its question stands still
	if err := ask(300 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a question to the deaf: got %v, want silence", err)
	}
	for len(packets) > 0 {
		<-packets
	}
	if hears() {
		t.Error("the deaf hears a packet")
	}
	a.Deafen(func(node string) bool { return node == "mons" })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := a.Dial(ctx, "mons", b.Address(), ProtocolAsk); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dialling whom one is deaf to: got %v, want silence", err)
	}
	if _, err := a.AskThrough(t.Context(), "mons", b.Address(), "echo", []byte("x")); err != nil {
		t.Errorf("what may pass: %v", err)
	}

	a.Deafen(nil)
	b.Deafen(nil)
	if err := <-late; err != nil {
		t.Errorf("what stood still: %v", err)
	}
	eventually(t, "packets arrive again", hears)
}
