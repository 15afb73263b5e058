package session

import (
	"testing"
	"time"

	"carillon/cluster/replica"
)

// A reader that turns out not to have what a delta goes on from says where it
// stands, and is told from there.
func TestReaderIsBehind(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		owner, reader := h.nodes["m1"], h.nodes["mons"]
		owner.reg.Set("201", []byte("a"))
		early := replica.New("m1", "reg")
		owner.mu.Lock()
		d, _ := owner.reg.r.DeltaSince(replica.Cursor{}, fullBatch)
		owner.mu.Unlock()
		early.Apply(d)
		for _, value := range []string{"b", "c"} {
			owner.reg.Set("202", []byte(value))
			owner.reg.Set("203", []byte(value))
			time.Sleep(time.Second)
		}

		reader.learning.Lock() // whoever learns looks at the replica after it, too
		reader.Sessions.mu.Lock()
		r := reader.set.Get("m1", "reg")
		*r = *early
		reader.Sessions.mu.Unlock()
		reader.learning.Unlock()
		for _, value := range []string{"d", "e"} {
			owner.reg.Set("202", []byte(value))
			time.Sleep(time.Second)
		}
		h.wants(map[string]string{"m1/reg/201": "a", "m1/reg/202": "e", "m1/reg/203": "c"})
		if got, want := r.Cursor(), owner.reg.r.Cursor(); got != want {
			t.Errorf("the reader is at %v, the owner at %v", got, want)
		}
		if value, ok := r.Get("203"); !ok || value != "c" {
			t.Errorf("got %q of 203, want c", value)
		}
	})
}
