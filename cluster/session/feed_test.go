package session

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

func TestFeed(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		data := make([]byte, 300_000) // does not get smaller
		random := rand.NewChaCha8([32]byte{})
		_, _ = random.Read(data)
		for _, main := range []string{"m1", "m2"} {
			_ = h.nodes[main].feed.Install(7, data)
			h.nodes[main].FeedChanged()
		}
		time.Sleep(time.Second)
		for _, l := range []string{"mons", "namur"} {
			if index, got := h.nodes[l].feed.Snapshot(); index != 7 || !bytes.Equal(got, data) {
				t.Errorf("%s has index %d, %d bytes", l, index, len(got))
			}
			if n := h.n.traffic("m2", l).bytes; n > 1000 {
				t.Errorf("the standby sent %d bytes to %s", n, l)
			}
		}
		h.nodes["mons"].stop()
		mons := h.start("mons", 2)
		_ = mons.feed.Install(7, data)
		before := h.n.traffic("m1", "mons").bytes
		time.Sleep(3 * time.Second)
		if n := h.n.traffic("m1", "mons").bytes - before; n > 1000 {
			t.Errorf("%d bytes for a configuration that was there", n)
		}
	})
}
