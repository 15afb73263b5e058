package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestAmendments: who has the configuration of before gets what differs, of what all
// may have and of what is its own; who has another one than it says, gets all.
func TestAmendments(t *testing.T) {
	const ownSize = 5000
	inHouse(t, 1, []string{"mons", "namur"}, func(h *house) {
		m1, random := h.nodes["m1"], rand.NewChaCha8([32]byte{})
		shared, own := make([]byte, 100_000), make([]byte, ownSize)
		_, _ = random.Read(shared)
		_, _ = random.Read(own)
		change := func(index uint64) {
			shared, own = bytes.Clone(shared), bytes.Clone(own)
			copy(shared[index*1000:], fmt.Sprint("change ", index))
			copy(own[index*100:], fmt.Sprint("of its own ", index))
			given := own
			_ = m1.feed.Install(index, shared)
			m1.feed.mu.Lock()
			m1.feed.own = func(node string) []byte { return append([]byte(node), given...) }
			m1.feed.mu.Unlock()
			m1.FeedChanged()
			time.Sleep(20 * time.Second)
		}
		for _, l := range []string{"mons", "namur"} {
			h.nodes[l].feed.ownSize = ownSize + len(l)
		}
		for index := uint64(1); index < 10; index++ {
			before := h.n.traffic("m1", "mons").bytes
			if index == 7 {
				h.nodes["mons"].feed.mu.Lock()
				h.nodes["mons"].feed.data = bytes.Clone(h.nodes["mons"].feed.data)
				h.nodes["mons"].feed.data[50]++
				h.nodes["mons"].feed.mu.Unlock()
			}
			change(index)
			for _, l := range []string{"mons", "namur"} {
				if got, want := h.nodes[l].feed, append(append(bytes.Clone(shared), l...), own...); got.Index() != index || !bytes.Equal(got.data, want) {
					t.Errorf("%s has index %d, %d bytes, want %d, %d", l, got.Index(), len(got.data), index, len(want))
				}
			}
			n := h.n.traffic("m1", "mons").bytes - before
			if whole := index == 1 || index >= 7; whole != (n > 100_000) || !whole && n > 500 {
				t.Errorf("change %d: %d bytes", index, n)
			}
		}
	})
}
