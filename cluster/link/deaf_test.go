package link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
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

// Who reads what is not heard waits no longer than his deadline, also one that he is
// given meanwhile, and loses nothing.
func TestDeafenedReadHasDeadlines(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	says := make(chan string)
	b.Handle(ProtocolSIP, func(_ context.Context, c net.Conn, _ Peer) {
		for words := range says {
			_, _ = c.Write([]byte(words))
		}
	})
	stopA, stopB := run(t, a), run(t, b)
	defer stopB()
	defer stopA()
	defer close(says)
	c, err := a.Dial(t.Context(), "mons", b.Address(), ProtocolSIP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	a.Deafen(func(node string) bool { return node == "mons" })
	says <- "one"
	room := make([]byte, 2)
	for range 2 {
		if err = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, late := c.Read(room); n != 0 || !errors.Is(late, os.ErrDeadlineExceeded) {
			t.Fatalf("reading from the deaf: got %d bytes, %v", n, late)
		}
	}
	if err = c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, late := c.Read(room)
		read <- late
	}()
	select {
	case late := <-read:
		t.Fatalf("reading from the deaf without a deadline: got %v", late)
	case <-time.After(200 * time.Millisecond):
	}
	if err = c.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if late := <-read; !errors.Is(late, os.ErrDeadlineExceeded) {
		t.Fatalf("a deadline that comes later: got %v", late)
	}
	a.Deafen(nil)
	if err = c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	all := make([]byte, 3)
	if _, err = io.ReadFull(c, all[:1]); err == nil {
		_, err = io.ReadFull(c, all[1:])
	}
	if string(all) != "one" || err != nil {
		t.Errorf("afterwards: got %q, %v", all, err)
	}
}
