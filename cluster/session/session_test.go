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

// A machine that was rolled back goes on under an incarnation and versions that
// others know, with something else in them: as many changes, more, or fewer. It is
// seen at once, or with its next change.
func TestRolledBack(t *testing.T) {
	for _, changes := range []int{2, 3, 4, 8} {
		inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
			for i := range 4 {
				h.nodes["mons"].reg.Set(fmt.Sprint(i), []byte("before"))
			}
			time.Sleep(time.Second)
			h.nodes["mons"].stop()
			mons, want := h.start("mons", 1), map[string]string{}
			for i := range changes {
				mons.reg.Set(fmt.Sprint(i%4), fmt.Append(nil, "after", i))
				want[fmt.Sprint("mons/reg/", i%4)] = fmt.Sprint("after", i)
			}
			time.Sleep(stable + 5*time.Second)
			h.wants(want)
		})
	}
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
