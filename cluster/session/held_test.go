package session

import (
	"fmt"
	"testing"
	"time"
)

func (x *node) floor() uint64 {
	x.Sessions.mu.Lock()
	defer x.Sessions.mu.Unlock()
	return x.reg.r.Cursor().Floor
}

// A deletion is forgotten once all living mains know it: its primary tells the
// owner so, for the others too.
func TestDeletionsAreForgottenOnceTheMainsKnow(t *testing.T) {
	for _, c := range []struct {
		name  string
		mains int
		cut   []string // the other main does not hear the primary any more
		quiet time.Duration
		after time.Duration // it is forgotten
	}{
		{"one main", 1, nil, memoryGrain - time.Minute, 3 * memoryGrain},
		{"three mains", 3, nil, memoryGrain - time.Minute, 4 * memoryGrain},
		{"a main is gone", 2, []string{"m2"}, memoryGrain - time.Minute, 3 * memoryGrain},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHouse(t, c.mains, []string{"mons"}, func(h *house) {
				for _, gone := range c.cut {
					h.nodes[gone].stop()
					delete(h.nodes, gone)
					time.Sleep(lineDead + time.Second)
				}
				mons := h.nodes["mons"]
				mons.reg.Set("201", []byte("a"))
				mons.reg.Delete("201")
				time.Sleep(c.quiet)
				if got := mons.floor(); got != 0 {
					t.Errorf("floor %d after %v", got, c.quiet)
				}
				time.Sleep(c.after - c.quiet)
				if got := mons.floor(); got != 2 {
					t.Errorf("floor %d after %v, want 2", got, c.after)
				}
				before := h.n.traffic("m1", "mons")
				time.Sleep(time.Hour)
				if after := h.n.traffic("m1", "mons"); after.writes != before.writes {
					t.Errorf("%d writes in an hour without news", after.writes-before.writes)
				}
			})
		})
	}
}

// A main that lives but does not know it yet is waited for, an hour at most.
func TestDeletionsAreRememberedForAMainThatIsBehind(t *testing.T) {
	inHouse(t, 2, nil, func(h *house) {
		m1 := h.nodes["m1"]
		h.n.set("m1", "m2", true) // m2 hears nothing, but is heard: for some seconds
		m1.reg.Set("100", []byte("a"))
		m1.reg.Delete("100")
		m1.Sessions.mu.Lock()
		held, mains := m1.heldLocked(m1.reg.r)
		m1.Sessions.mu.Unlock()
		if held.Max != 0 || mains != 1 {
			t.Errorf("%v is held by %d mains, want nothing by one", held, mains)
		}
	})
}

// Who hears no main remembers what the mains do not know, so that it is told as
// what has changed; but not more than it has.
func TestDeletionsAreRememberedAlone(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		mons := h.nodes["mons"]
		mons.reg.Set("201", []byte("a"))
		mons.reg.Set("202", []byte("a"))
		time.Sleep(time.Second)
		h.n.setBoth("mons", "m1", true)
		time.Sleep(lineDead + time.Second)
		mons.reg.Delete("201")
		time.Sleep(3 * memory)
		if got := mons.floor(); got != 0 {
			t.Errorf("floor %d after three hours alone", got)
		}
		for i := range memoryLeast + 2 {
			mons.reg.Set(fmt.Sprint(300+i), []byte("a"))
			mons.reg.Delete(fmt.Sprint(300 + i))
		}
		time.Sleep(memory + 2*memoryGrain)
		if got := mons.floor(); got == 0 {
			t.Error("it remembers without bound")
		}
		h.n.setBoth("mons", "m1", false)
		time.Sleep(10 * time.Second)
		h.wants(map[string]string{"mons/reg/202": "a"})
	})
}
