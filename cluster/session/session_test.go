package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestEverybodyKnows(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		h.nodes["mons"].reg.Set("201", []byte("a"))
		h.nodes["m1"].reg.Set("100", []byte("b"))
		h.nodes["m2"].reg.Set("101", []byte("c"))
		time.Sleep(2*batchDelay + 50*time.Millisecond)
		h.wants(map[string]string{"mons/reg/201": "a", "m1/reg/100": "b", "m2/reg/101": "c"})
		h.nodes["mons"].reg.Delete("201")
		h.nodes["m1"].Namespace("dlg").Set("x", []byte("y"))
		time.Sleep(time.Second)
		h.wants(map[string]string{"m1/reg/100": "b", "m2/reg/101": "c", "m1/dlg/x": "y"})
	})
}

// The first change of an idle line leaves at once, the next with all that come
// within 200 ms, and of a key only the newest.
func TestBatches(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		mons, m1 := h.nodes["mons"], h.nodes["m1"]
		before := h.n.traffic("mons", "m1")
		for i := range 100 {
			mons.reg.Set(fmt.Sprint(200+i%10), []byte{byte(i)})
			if i == 0 {
				synctest.Wait()
				if m1.count() != 1 {
					t.Errorf("the first change did not leave at once")
				}
			}
		}
		time.Sleep(batchDelay - time.Millisecond)
		synctest.Wait()
		if m1.count() != 1 {
			t.Errorf("%d changes heard before the batch was due", m1.count()-1)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := h.n.traffic("mons", "m1").writes - before.writes; got != 2 || m1.count() != 11 {
			t.Errorf("got %d writes, %d changes; want 2, 11", got, m1.count())
		}
	})
}

func TestNothingNew(t *testing.T) {
	inHouse(t, 2, []string{"mons"}, func(h *house) {
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Second)
		before := h.n.traffic("mons", "m1")
		for range 600 {
			h.nodes["mons"].reg.Set("201", []byte("a"))
			time.Sleep(100 * time.Millisecond)
		}
		after := h.n.traffic("mons", "m1")
		if after.writes != before.writes {
			t.Errorf("%d writes for nothing", after.writes-before.writes)
		}
		if n := after.packets - before.packets; n < 12 || n > 60/3+1 {
			t.Errorf("%d hellos in a minute", n)
		}
	})
}

// A node that comes back with a new incarnation and fewer keys is believed, and
// one that lost its memory outdoes what others know of it.
func TestRestart(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		for i := range 5 {
			h.nodes["mons"].reg.Set(fmt.Sprint(i), []byte("a"))
		}
		time.Sleep(time.Second)
		h.nodes["mons"].stop()
		for _, inc := range []uint64{2, 1} {
			mons := h.start("mons", inc)
			mons.reg.Set("0", fmt.Append(nil, inc))
			time.Sleep(5 * time.Second)
			h.wants(map[string]string{"mons/reg/0": fmt.Sprint(inc)})
			mons.stop()
		}
		h.start("mons", 9)
		time.Sleep(5 * time.Second)
		h.wants(nil)
	})
}

// A lifeguard that was cut off for days takes what changed, not everything.
func TestRejoin(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		mons, want := h.nodes["mons"], map[string]string{}
		value := func(i, n int) []byte { return fmt.Appendf(nil, "sip:%d@192.196.203.%d:5060;transport=tcp", 200+i, n) }
		for i := range 2000 {
			mons.reg.Set(fmt.Sprint(200+i), value(i, 1))
		}
		time.Sleep(5 * time.Second)
		h.n.setBoth("mons", "m1", true)
		h.n.setBoth("mons", "m2", true)
		time.Sleep(30 * time.Minute)
		for i := range 2000 {
			if want[fmt.Sprint("mons/reg/", 200+i)] = string(value(i, 1)); i < 500 {
				mons.reg.Set(fmt.Sprint(200+i), value(i, 2))
				want[fmt.Sprint("mons/reg/", 200+i)] = string(value(i, 2))
			}
		}
		before := h.n.traffic("mons", "m1").bytes + h.n.traffic("m1", "mons").bytes + h.n.traffic("mons", "m2").bytes + h.n.traffic("m2", "mons").bytes
		h.n.setBoth("mons", "m1", false)
		h.n.setBoth("mons", "m2", false)
		time.Sleep(3 * time.Second)
		h.wants(want)
		after := h.n.traffic("mons", "m1").bytes + h.n.traffic("m1", "mons").bytes + h.n.traffic("mons", "m2").bytes + h.n.traffic("m2", "mons").bytes
		if after-before > 60_000 {
			t.Errorf("%d bytes", after-before)
		}
		t.Logf("%d bytes for 500 changes of 2000", after-before)
	})
}

// A peer that is not in the list any more is left alone; one that was unknown
// is found when it calls.
func TestPeersChange(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		h.setPeers("m1")
		h.nodes["m1"].Kick()
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(10 * time.Second)
		if n := len(h.nodes["m1"].Links()); n != 0 || h.nodes["mons"].link("m1").State != Down {
			t.Errorf("%d links; want none", n)
		}
		h.setPeers("m1", Peer{Node: "mons", Relay: true})
		time.Sleep(redial)
		h.wants(map[string]string{"mons/reg/201": "a"})
	})
}

// Deletions are remembered for an hour.
func TestCollect(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		mons := h.nodes["mons"]
		mons.reg.Set("201", []byte("a"))
		mons.reg.Delete("201")
		for _, c := range []struct {
			after time.Duration
			want  uint64
		}{{memory - time.Minute, 0}, {3 * memoryGrain, 2}} {
			time.Sleep(c.after)
			mons.Sessions.mu.Lock()
			if got := mons.reg.r.Cursor().Floor; got != c.want {
				t.Errorf("floor %d, want %d", got, c.want)
			}
			mons.Sessions.mu.Unlock()
		}
	})
}
