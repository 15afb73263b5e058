package session

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/cluster/replica"
)

// TestInterestsThatChange: all write, and the branches want this and then that; when
// it ends, each has what it wants. What happens when messages are lost is seen in
// test/simulator.
func TestInterestsThatChange(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			inHouse(t, 2, []string{"mons", "namur", "liege"}, func(h *house) {
				x := &wanting{house: h, random: rand.New(rand.NewPCG(seed, 5)), written: map[string]string{}, wants: map[string]replica.Filter{}}
				for i := range 400 {
					x.step(i, []string{"m1", "m2", "mons", "namur", "liege"}[x.random.IntN(5)])
					time.Sleep(time.Duration(x.random.IntN(600)) * time.Millisecond)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				for name, n := range h.nodes {
					x.hasWhatItWants(name, n)
				}
			})
		})
	}
}

type wanting struct {
	*house
	random  *rand.Rand
	written map[string]string
	wants   map[string]replica.Filter
}

func (x *wanting) step(i int, name string) {
	n, key := x.nodes[name], fmt.Sprint(x.random.IntN(20))
	switch x.random.IntN(20) {
	case 1, 2, 3, 4, 5, 6, 7:
		var some []string
		for range x.random.IntN(6) {
			some = append(some, fmt.Sprint(x.random.IntN(20)))
		}
		if len(name) > 2 { // no main
			x.wants[name] = replica.Only(some...)
		}
		n.Interest("reg", x.wants[name])
	case 8, 9, 10:
		n.reg.Delete(key)
		delete(x.written, name+"/reg/"+key)
	default:
		n.reg.Set(key, fmt.Append(nil, i))
		x.written[name+"/reg/"+key] = fmt.Sprint(i)
	}
}

func (x *wanting) hasWhatItWants(name string, n *node) {
	x.t.Helper()
	want := maps.Clone(x.written)
	maps.DeleteFunc(want, func(at, _ string) bool {
		owner, key, _ := strings.Cut(at, "/reg/")
		return owner == name || !x.wants[name].Matches(key)
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	for at, value := range n.knows {
		if want[at] != value {
			x.t.Errorf("%s, which wants %q, knows that %s is %s, want %s", name, x.wants[name].Prefixes(), at, value, want[at])
		}
	}
	for at, value := range want {
		if _, ok := n.knows[at]; !ok {
			x.t.Errorf("%s, which wants %q, does not know that %s is %s", name, x.wants[name].Prefixes(), at, value)
		}
	}
}
