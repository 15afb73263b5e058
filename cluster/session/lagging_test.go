package session

import (
	"math/rand/v2"
	"testing"
	"time"
)

// chatter has nodes say something each second beside sessions, as rings do: hellos are
// rare then.
func (h *house) chatter(lines ...[2]string) (stop func()) {
	end := make(chan struct{})
	go func() {
		for {
			for _, x := range lines {
				h.n.tell(x[0], x[1])
				h.n.tell(x[1], x[0])
			}
			select {
			case <-time.After(time.Second):
			case <-end:
				return
			}
		}
	}()
	return func() { close(end) }
}

// decides has a main be at an index.
func (h *house) decides(main string, index uint64, data []byte) {
	_ = h.nodes[main].feed.Install(index, data)
	h.nodes[main].FeedChanged()
}

// A LifeGUARD was deaf for up to half a minute when its primary had been removed, and the
// hello in which another main tells that there is a later configuration was lost, or not
// said as there was no session at that moment. Now the session says it.
func TestALaterConfigurationIsHeardOf(t *testing.T) {
	for name, change := range map[string]func(h *house){
		"packets are lost": func(h *house) {
			h.n.mu.Lock()
			h.n.loss = func() bool { return true }
			h.n.mu.Unlock()
			h.decides("m2", 8, []byte("8"))
		},
		"there is no session with that main": func(h *house) {
			h.setPeers("mons", Peer{Node: "m1"})
			h.nodes["mons"].Kick()
			time.Sleep(lineDead + time.Second)
			h.decides("m2", 8, []byte("8"))
			h.setPeers("mons", Peer{Node: "m1"}, Peer{Node: "m2"})
			h.nodes["mons"].Kick()
		},
	} {
		for later := range 7 { // than a hello, which is said anyway each half minute
			inHouse(t, 2, []string{"mons"}, func(h *house) {
				defer h.chatter([2]string{"m1", "mons"}, [2]string{"m2", "mons"})()
				h.decides("m1", 7, []byte("7"))
				h.decides("m2", 7, []byte("7"))
				time.Sleep(helloAnyway + time.Duration(later)*5*time.Second)
				change(h)
				time.Sleep(lag + time.Second)
				if got := h.nodes["mons"].feed.Index(); got != 8 {
					h.t.Errorf("%s, %d s later: mons has index %d, want 8", name, 5*later, got)
				}
			})
		}
	}
}

// A LifeGUARD went back to the primary that lags, as it is the one that it prefers, while
// a large configuration was on its way from another main, and dropped what had come: for
// ever, each 2 s.
func TestAPrimaryThatLagsDoesNotComeBack(t *testing.T) {
	inHouse(t, 2, []string{"mons"}, func(h *house) {
		defer h.chatter([2]string{"m1", "mons"}, [2]string{"m2", "mons"})()
		large := make([]byte, 64_000)
		_, _ = rand.NewChaCha8([32]byte{}).Read(large)
		h.decides("m1", 7, []byte("7"))
		h.decides("m2", 7, []byte("7"))
		h.grant(64)
		time.Sleep(time.Minute)
		h.decides("m2", 8, large)
		time.Sleep(lag + 20*time.Second)
		if got := h.nodes["mons"].feed.Index(); got != 8 {
			h.t.Errorf("mons has index %d, want 8", got)
		}
		if !h.nodes["mons"].link("m2").Primary {
			h.t.Error("its primary is not the main that has it")
		}
	})
}

// Who turns to another main for a while gets what differs when it is back, and not all.
func TestAmendsForWhoComesBack(t *testing.T) {
	inHouse(t, 2, []string{"mons"}, func(h *house) {
		data := make([]byte, 64_000)
		_, _ = rand.NewChaCha8([32]byte{}).Read(data)
		index := uint64(6)
		change := func(mains ...string) {
			index++
			data = append([]byte(nil), data...)
			data[index*100]++
			for _, m := range mains {
				h.decides(m, index, data)
			}
		}
		change("m1", "m2")
		time.Sleep(time.Minute)
		change("m2") // m1 lags: mons turns to m2
		time.Sleep(time.Minute)
		h.decides("m1", index, data) // and back
		time.Sleep(time.Minute)
		if !h.nodes["mons"].link("m1").Primary {
			h.t.Fatal("m1 is not the primary again")
		}
		before := h.n.traffic("m1", "mons").bytes
		change("m1", "m2")
		time.Sleep(time.Minute)
		if n := h.n.traffic("m1", "mons").bytes - before; h.nodes["mons"].feed.Index() != index || n > 500 {
			h.t.Errorf("mons has index %d, for %d bytes, want %d for what differs", h.nodes["mons"].feed.Index(), n, index)
		}
	})
}

// A main that started again while the line was cut says in a hello that it has no
// session. When that was lost, and rings had much to say, the next one came after half a
// minute, in which a LifeGUARD heard nothing from its primary.
func TestASessionThatOneSideHasIsFound(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		defer h.chatter([2]string{"m1", "mons"})()
		h.decides("m1", 7, []byte("7"))
		time.Sleep(time.Minute)
		h.n.setBoth("m1", "mons", true)
		h.nodes["m1"].stop()
		h.start("m1", 2)
		time.Sleep(time.Second)
		h.n.setBoth("m1", "mons", false)
		h.decides("m1", 8, []byte("8"))
		time.Sleep(helloQuiet + redial + time.Second)
		if got := h.nodes["mons"].feed.Index(); got != 8 {
			h.t.Errorf("mons has index %d, want 8", got)
		}
	})
}
