package link

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

type mailbox struct {
	mu  sync.Mutex
	got []string
}

func (m *mailbox) take(from string, _ netip.AddrPort, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, from+" "+string(payload))
}

func (m *mailbox) has(what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.got, what)
}

// TestSendPacket: the first packet of all arrives too, after one handshake.
func TestSendPacket(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	var atA, atB mailbox
	a.HandlePacket(3, atA.take)
	b.HandlePacket(3, atB.take)
	run(t, a)
	run(t, b)
	if err := a.SendPacket(3, "mons", b.Address(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one", func() bool { return atB.has("hardy one") })
	if err := b.SendPacket(3, "hardy", a.Address(), []byte("two")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two", func() bool { return atA.has("mons two") })
	for _, c := range []Counters{a.Counters(), b.Counters()} {
		if c != (Counters{}) {
			t.Errorf("got %+v", c)
		}
	}
}

// TestPacketsBothAtOnce: two nodes that begin at the same time agree.
func TestPacketsBothAtOnce(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	var atA, atB mailbox
	a.HandlePacket(0, atA.take)
	b.HandlePacket(0, atB.take)
	if err := a.Trust("mons", b.options.Identity.Certificate()); err != nil {
		t.Fatal(err)
	}
	if err := b.Trust("hardy", a.options.Identity.Certificate()); err != nil {
		t.Fatal(err)
	}
	run(t, a)
	run(t, b)
	_ = a.SendPacket(0, "mons", b.Address(), []byte("x"))
	_ = b.SendPacket(0, "hardy", a.Address(), []byte("y"))
	eventually(t, "both", func() bool { return atA.has("mons y") && atB.has("hardy x") })
}

// TestForgedAndReplayed: packets that are not a member's, or come twice, are
// dropped and counted.
func TestForgedAndReplayed(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	var atB mailbox
	b.HandlePacket(1, atB.take)
	run(t, a)
	run(t, b)
	_ = a.SendPacket(1, "mons", b.Address(), []byte("one"))
	eventually(t, "one", func() bool { return atB.has("hardy one") })

	r := a.pairs.of("mons", b.Address())
	r.mu.Lock()
	key := r.seal
	r.mu.Unlock()
	packet, _ := key.close(nil, 1, []byte("two"))
	forged := slices.Clone(packet)
	forged[len(forged)-1] ^= 1
	moved := slices.Clone(packet)
	moved[6]++ // the number
	stray := slices.Clone(packet)
	stray[2]++ // the index
	c, err := net.Dial("udp", b.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, p := range [][]byte{forged, moved, stray, {1, 2, 3}, make([]byte, helloSize), append([]byte{kindHello}, make([]byte, helloSize-1)...), packet, packet, packet} {
		if _, err = c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two", func() bool { return atB.has("hardy two") })
	eventually(t, "counted", func() bool {
		got := b.Counters()
		return got.BadPacket == 6 && got.Replay == 2
	})
	atB.mu.Lock()
	defer atB.mu.Unlock()
	if got := len(atB.got); got != 2 {
		t.Errorf("got %d packets, want 2", got)
	}
}

// two are pairs joined by a line that a test holds in its hands.
func two(tb testing.TB, s *system) (a, b *pair) {
	tb.Helper()
	ia, ib := s.identity("a", Main), s.identity("b", Main)
	pa, pb := newPairs(ia), newPairs(ib)
	if pa.learn("b", ib.certificate) != nil || pb.learn("a", ia.certificate) != nil {
		tb.Fatal("learning")
	}
	return pa.nodes["b"], pb.nodes["a"]
}

// talk carries hellos to and fro, from a's first, until nobody answers.
func talk(tb testing.TB, now time.Time, from, to *pair, b []byte) (waited []letter, hellos int) {
	tb.Helper()
	for b != nil {
		answer, more, ok := to.greeted(now, b)
		if !ok {
			tb.Fatal("a hello was not understood")
		}
		waited, hellos = append(waited, more...), hellos+1
		if hellos > 20 {
			tb.Fatal("they greet each other for ever")
		}
		b, from, to = answer, to, from
	}
	return waited, hellos
}

// TestRestart: after one side forgot everything, what was recorded opens
// nothing, and the two agree again.
func TestRestart(t *testing.T) {
	s := newSystem(t)
	now := time.Now()
	a, b := two(t, s)
	_, greeting, _ := a.send(now, nil, letter{payload: []byte("one")})
	waited, hellos := talk(t, now, a, b, greeting)
	t.Logf("%d hellos of %d bytes", hellos, helloSize)
	if len(waited) != 1 {
		t.Fatalf("got %d packets that waited, want 1", len(waited))
	}
	recorded := slices.Clone(waited[0].packet)
	if _, payload, _, v := b.opened(now, waited[0].packet); v != good || string(payload) != "one" {
		t.Fatalf("got %q, %v", payload, v)
	}

	fresh := &pair{node: "a", index: b.index, certificate: b.certificate, secret: b.secret}
	for range 3 { // nothing recorded leads back
		if answer, _, _ := fresh.greeted(now, greeting); answer == nil {
			t.Fatal("no answer")
		}
		if _, _, _, v := fresh.opened(now, slices.Clone(recorded)); v != forged {
			t.Fatalf("a recorded packet: got %v", v)
		}
	}
	now = now.Add(silence + time.Second)
	packet, greeting, _ := a.send(now, nil, letter{payload: []byte("two")})
	if packet == nil || greeting == nil {
		t.Fatal("a should send, and ask")
	}
	talk(t, now, a, fresh, greeting)
	if a.seal.own != fresh.seal.theirs || a.seal.theirs != fresh.seal.own {
		t.Fatal("they do not agree")
	}
	packet, _, _ = a.send(now, nil, letter{payload: []byte("three")})
	if _, payload, _, v := fresh.opened(now, packet); v != good || string(payload) != "three" {
		t.Errorf("got %q, %v", payload, v)
	}
}

// TestLostHello: whichever hello is lost, they agree within a few seconds of
// trying.
func TestLostHello(t *testing.T) {
	s := newSystem(t)
	for lost := range 5 {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			a, b := two(t, s)
			now := time.Now()
			n := 0
			carry := func(from, to *pair, packet []byte) {
				for packet != nil {
					if n++; n-1 == lost {
						return
					}
					packet, _, _ = to.greeted(now, packet)
					from, to = to, from
				}
			}
			for range 15 {
				for _, side := range [][2]*pair{{a, b}, {b, a}} {
					packet, greeting, _ := side[0].send(now, nil, letter{payload: []byte("x")})
					carry(side[0], side[1], greeting)
					if packet != nil {
						_, _, asking, _ := side[1].opened(now, packet)
						carry(side[1], side[0], asking)
					}
				}
				now = now.Add(time.Second)
			}
			if a.seal == nil || b.seal == nil || a.seal.own != b.seal.theirs || a.seal.theirs != b.seal.own {
				t.Error("they do not agree")
			}
		})
	}
}

func TestWindow(t *testing.T) {
	var w window
	for _, tt := range []struct {
		number uint64
		want   bool
	}{
		{0, true},
		{0, false},
		{2, true},
		{1, true},
		{1, false},
		{2, false},
		{1000, true},
		{3, true},
		{1026, true},
		{2, false},
		{3, false},
		{4, true},
		{1 << 40, true},
		{1 << 40, false},
		{1<<40 - windowSize, false},
		{1<<40 - windowSize + 1, true},
		{5, false},
	} {
		if got := w.take(tt.number); got != tt.want {
			t.Errorf("take(%d): got %v, want %v", tt.number, got, tt.want)
		}
	}
}
