package session

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// TestChaos cuts lines and restarts nodes at random while all write; when it
// ends, all know the same.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			inHouse(t, 3, []string{"mons", "namur", "liege"}, func(h *house) {
				names := []string{"m1", "m2", "m3", "mons", "namur", "liege"}
				random := rand.New(rand.NewPCG(seed, 3))
				pick := func() string { return names[random.IntN(len(names))] }
				written := map[string]map[string]string{}
				for _, name := range names {
					written[name] = map[string]string{}
				}
				for i := range 400 {
					name := pick()
					key := fmt.Sprint(random.IntN(20))
					switch random.IntN(20) {
					case 0, 1:
						if other := pick(); other != name {
							h.n.setBoth(name, other, random.IntN(2) == 0)
						}
					case 2:
						if other := pick(); other != name {
							h.n.set(name, other, true)
						}
					case 3:
						h.nodes[name].stop()
						x := h.start(name, restarted(random, i)) // its memory is lost, sometimes its incarnation too
						written[name] = map[string]string{"0": fmt.Sprint(i)}
						x.reg.Set("0", fmt.Append(nil, i))
					case 4, 5, 6:
						h.nodes[name].reg.Delete(key)
						delete(written[name], key)
					default:
						h.nodes[name].reg.Set(key, fmt.Append(nil, i))
						written[name][key] = fmt.Sprint(i)
					}
					time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
				}
				h.n.mu.Lock()
				clear(h.n.cut)
				h.n.wake.Broadcast()
				h.n.mu.Unlock()
				time.Sleep(30 * time.Second)
				want := map[string]string{}
				for name, entries := range written {
					for key, value := range entries {
						want[name+"/reg/"+key] = value
					}
				}
				h.wants(maps.Clone(want))
			})
		})
	}
}

// restarted returns the incarnation of a node that starts again at step i: a new
// one, or any of the past, as of a machine that was rolled back.
func restarted(random *rand.Rand, i int) uint64 {
	if random.IntN(2) == 0 {
		return uint64(i + 2)
	}
	return 1 + random.Uint64N(uint64(i+1))
}
