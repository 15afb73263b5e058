package session

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestLineIsCut(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to string
	}{
		{"both ways", "", ""}, {"the lifeguard is not heard", "mons", "m1"}, {"the main is not heard", "m1", "mons"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHouse(t, 1, []string{"mons"}, func(h *house) {
				t := h.t
				mons, m1 := h.nodes["mons"], h.nodes["m1"]
				if mons.link("m1").State != Up || m1.link("mons").State != Up {
					t.Fatal("the line is not up")
				}
				start := time.Now()
				if h.n.setBoth("mons", "m1", c.from == ""); c.from != "" {
					h.n.set(c.from, c.to, true)
				}
				mons.reg.Set("201", []byte("a"))
				for mons.link("m1").State == Up || m1.link("mons").State == Up {
					time.Sleep(10 * time.Millisecond)
					if time.Since(start) > 10*time.Second {
						t.Fatalf("after 10 s: %v and %v", mons.link("m1"), m1.link("mons"))
					}
				}
				if took := time.Since(start); took < 2*time.Second {
					t.Errorf("down after %v already", took)
				}
				time.Sleep(time.Minute)
				mons.reg.Set("202", []byte("b"))
				h.n.setBoth("mons", "m1", false)
				time.Sleep(redial + 100*time.Millisecond)
				h.wants(map[string]string{"mons/reg/201": "a", "mons/reg/202": "b"})
				if mons.link("m1").State != Up || m1.link("mons").State != Up {
					t.Error("the line did not come back")
				}
				if len(mons.told()) != 3 || len(m1.told()) != 3 {
					t.Errorf("told %v and %v; want up, down, up", mons.told(), m1.told())
				}
			})
		})
	}
}

// No false alarm in ten times 20 minutes with 11 % of packets lost each way, and
// nothing but hellos to hear.
func TestLossIsNoCut(t *testing.T) {
	for seed := range uint64(10) {
		inHouse(t, 2, []string{"mons"}, func(h *house) {
			random := rand.New(rand.NewPCG(seed, 2))
			h.n.mu.Lock()
			h.n.loss = func() bool { return random.IntN(100) < 11 }
			h.n.mu.Unlock()
			time.Sleep(20 * time.Minute)
			for _, x := range h.nodes {
				for _, l := range x.told() {
					if l.State == Down {
						t.Errorf("seed %d: %v", seed, l)
					}
				}
			}
		})
	}
}

// A machine that stands still, and all its nodes with it, for twice as long as a
// dead line is silent, cuts no line; a cut behind it is noticed as any other.
func TestStandingStillIsNoCut(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		t, m1, mons := h.t, h.nodes["m1"], h.nodes["mons"]
		for range 20 {
			h.n.standStill(true, "m1", "mons")
			time.Sleep(2 * lineDead)
			h.n.standStill(false, "m1", "mons")
			time.Sleep(7 * time.Second)
		}
		if len(m1.told()) != 1 || len(mons.told()) != 1 {
			t.Errorf("told %d and %d changes of the line, want one each", len(m1.told()), len(mons.told()))
		}
		h.n.setBoth("mons", "m1", true)
		time.Sleep(10 * time.Second)
		if m1.link("mons").State == Up || mons.link("m1").State == Up {
			t.Error("a line that is cut is up after ten seconds")
		}
	})
}

// A node that starts again while its line is cut for a moment says nothing to a session
// that it does not have: who still has one, and nothing to write, hears of it by hello.
func TestASessionThatTheFarEndDoesNotHave(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Second)
		h.n.setBoth("mons", "m1", true)
		h.nodes["m1"].stop()
		h.start("m1", 2)
		time.Sleep(time.Second)
		h.n.setBoth("mons", "m1", false)
		time.Sleep(15 * time.Second)
		h.wants(map[string]string{"mons/reg/201": "a"})
	})
}

// A quiet line has a hello each way every five seconds, and no more.
func TestAQuietLine(t *testing.T) {
	inHouse(t, 2, []string{"mons"}, func(h *house) {
		before := h.n.traffic("mons", "m1")
		time.Sleep(10 * time.Minute)
		now := h.n.traffic("mons", "m1")
		if got, want := now.packets-before.packets, int(10*time.Minute/helloQuiet); got > want+2 || got < want-2 {
			t.Errorf("got %d hellos in ten minutes, want %d", got, want)
		}
		if now.bytes != before.bytes {
			t.Errorf("got %d bytes beside them, want none", now.bytes-before.bytes)
		}
	})
}

// Packets of others are as good as hellos, but for those that are sent anyway.
func TestOthersTalk(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		before := h.n.traffic("mons", "m1")
		for range 300 {
			time.Sleep(2 * time.Second)
			h.n.tell("mons", "m1")
			h.n.tell("m1", "mons")
		}
		now := h.n.traffic("mons", "m1")
		if got, want := now.packets-before.packets, int(600*time.Second/helloAnyway); got > want+2 || got < want-2 {
			t.Errorf("got %d hellos in ten minutes, want %d", got, want)
		}
		h.n.setBoth("mons", "m1", true)
		time.Sleep(lineDead + helloSilence)
		if h.nodes["mons"].link("m1").State == Up {
			t.Error("a line that is cut is up")
		}
	})
}

func TestRTT(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		time.Sleep(time.Minute)
		for _, got := range []Link{h.nodes["m1"].link("mons"), h.nodes["mons"].link("m1")} {
			if got.RTT < 15*time.Millisecond || got.RTT > 25*time.Millisecond {
				t.Errorf("got %v, want about 20ms", got.RTT)
			}
		}
	})
}
