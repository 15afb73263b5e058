package session

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/cluster/replica"
)

var (
	chaosRuns = flag.Uint64("chaos", 12, "how many runs of chaos, of each kind")
	chaosFrom = flag.Uint64("chaos-from", 0, "the first seed of them")
)

// TestChaos cuts lines and restarts nodes at random while all write, and branches want
// this and then that. When it ends, each has what it wants, and no more. A seed says
// what happens, not in which order that arrives: ten thousand runs are -chaos 5000.
func TestChaos(t *testing.T) {
	for _, kind := range []struct {
		name    string
		mains   int
		changes bool // of what is wanted
	}{
		{"two mains", 2, false},
		{"three mains", 3, false},
		{"two mains and interests", 2, true},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for seed := *chaosFrom; seed < *chaosFrom+*chaosRuns; seed++ {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					inHouse(t, kind.mains, []string{"mons", "namur", "liege"}, func(h *house) {
						x := newChaos(h, seed, kind.changes)
						for i := range 400 {
							x.step(i)
							time.Sleep(time.Duration(x.random.IntN(600)) * time.Millisecond)
						}
						h.n.heal()
						time.Sleep(time.Minute)
						x.check()
					})
				})
			}
		})
	}
}

type chaos struct {
	*house
	names   []string
	random  *rand.Rand
	changes bool
	written map[string]string
	wants   map[string]replica.Filter
}

func newChaos(h *house, seed uint64, changes bool) *chaos {
	x := &chaos{house: h, random: rand.New(rand.NewPCG(seed, 5)), changes: changes, written: map[string]string{}, wants: map[string]replica.Filter{}}
	for name := range h.nodes {
		x.names = append(x.names, name)
	}
	slices.Sort(x.names)
	return x
}

func (x *chaos) any() string { return x.names[x.random.IntN(len(x.names))] }

func (x *chaos) step(i int) {
	name, key := x.any(), fmt.Sprint(x.random.IntN(20))
	n := x.nodes[name]
	switch x.random.IntN(20) {
	case 0, 1:
		if other := x.any(); other != name {
			x.n.setBoth(name, other, x.random.IntN(2) == 0)
		}
	case 2:
		if other := x.any(); other != name {
			x.n.set(name, other, true)
		}
	case 3:
		n.stop()
		maps.DeleteFunc(x.written, func(at, _ string) bool { return strings.HasPrefix(at, name+"/") })
		x.start(name, restarted(x.random, i)).Interest("reg", x.wants[name]) // its memory is lost, sometimes its incarnation too
	case 4, 5, 6:
		n.reg.Delete(key)
		delete(x.written, name+"/reg/"+key)
	case 7, 8, 9, 10:
		if x.changes {
			x.want(name)
			return
		}
		fallthrough
	default:
		n.reg.Set(key, fmt.Append(nil, i))
		x.written[name+"/reg/"+key] = fmt.Sprint(i)
	}
}

// want has a node, if it is no main, want something else.
func (x *chaos) want(name string) {
	if x.nodes[name].o.Role == roleMain {
		return
	}
	var some []string
	for range x.random.IntN(6) {
		some = append(some, fmt.Sprint(x.random.IntN(20)))
	}
	x.wants[name] = replica.Only(some...)
	x.nodes[name].Interest("reg", x.wants[name])
}

func (x *chaos) check() {
	x.t.Helper()
	synctest.Wait()
	for name, n := range x.nodes {
		want := maps.Clone(x.written)
		maps.DeleteFunc(want, func(at, _ string) bool {
			owner, key, _ := strings.Cut(at, "/reg/")
			return owner == name || !x.wants[name].Matches(key)
		})
		n.mu.Lock()
		if diff := cmp.Diff(want, n.knows); diff != "" {
			x.t.Errorf("%s, which wants %q, knows (-want +got):\n%s", name, x.wants[name].Prefixes(), diff)
		}
		n.mu.Unlock()
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
