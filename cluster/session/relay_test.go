package session

import (
	"maps"
	"testing"
	"time"
)

// Each change crosses each line once; the standby's line has nothing but hellos.
func TestEachLineOnce(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		before := map[[2]string]traffic{}
		h.n.mu.Lock()
		maps.Copy(before, h.n.sent)
		h.n.mu.Unlock()
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Second)
		want := map[[2]string]int{{"mons", "m1"}: 1, {"m1", "m2"}: 1, {"m1", "namur"}: 1}
		h.n.mu.Lock()
		defer h.n.mu.Unlock()
		for way, now := range h.n.sent {
			if got := now.writes - before[way].writes; got != want[way] {
				t.Errorf("%v: %d writes, want %d", way, got, want[way])
			}
		}
	})
}

// When the primary is gone, the standby takes over, with what both missed.
func TestStandbyTakesOver(t *testing.T) {
	inHouse(t, 3, []string{"mons", "namur"}, func(h *house) {
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Second)
		h.nodes["m1"].stop()
		delete(h.nodes, "m1")
		time.Sleep(time.Second)
		if l := h.nodes["mons"].link("m2"); !l.Primary {
			t.Errorf("got %v, want m2 as primary", l)
		}
		h.nodes["mons"].reg.Set("202", []byte("b"))
		h.nodes["m3"].reg.Set("103", []byte("c"))
		time.Sleep(time.Second)
		h.wants(map[string]string{"mons/reg/201": "a", "mons/reg/202": "b", "m3/reg/103": "c"})
	})
}

// A change that only the dead primary had heard of reaches the others anyway.
func TestPrimaryTakesChangeWithIt(t *testing.T) {
	inHouse(t, 3, []string{"mons", "namur"}, func(h *house) {
		for _, other := range []string{"m2", "m3", "namur"} {
			h.n.setBoth("m1", other, true)
		}
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Second)
		h.n.setBoth("m1", "mons", true)
		h.nodes["m1"].stop()
		delete(h.nodes, "m1")
		time.Sleep(12 * time.Second)
		h.wants(map[string]string{"mons/reg/201": "a"})
	})
}

// A lifeguard returns to the main that it prefers once that is stable.
func TestPrimaryReturns(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		h.nodes["m1"].stop()
		time.Sleep(time.Minute)
		m1 := h.start("m1", 2)
		m1.reg.Set("100", []byte("a"))
		time.Sleep(5 * time.Second)
		if !h.nodes["mons"].link("m2").Primary {
			h.t.Error("the primary changed before the other main was stable")
		}
		time.Sleep(stable)
		if !h.nodes["mons"].link("m1").Primary || !h.nodes["namur"].link("m1").Primary {
			h.t.Error("the primary did not return")
		}
		h.nodes["mons"].reg.Set("201", []byte("b"))
		time.Sleep(time.Second)
		h.wants(map[string]string{"m1/reg/100": "a", "mons/reg/201": "b"})
	})
}
