package simulator

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"carillon/test/tool"
)

var (
	runs = flag.Int("runs", 60, "how many runs of random faults")
	only = flag.Int("seed", -1, "run this seed alone")
)

const steps = 1500

// run is one world from its seed to its end, and the first violation in it.
func run(t *testing.T, seed uint64) (err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed)
		for range steps {
			if w.err != nil {
				break
			}
			w.step()
		}
		w.settle("when the faults end")
		for _, p := range w.phones {
			p.register(w, p.at)
		}
		w.settle("when the phones have refreshed")
		for _, p := range w.phones {
			p.place(w)
		}
		err = w.err
	})
	return err
}

// Ten thousand runs, seeds printed, are -runs 10000.
func TestRandomFaults(t *testing.T) {
	if *only >= 0 {
		if err := run(t, uint64(*only)); err != nil {
			t.Errorf("seed %d: violation: %v", *only, err)
		}
		return
	}
	var next, violations atomic.Int64
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for seed := next.Add(1) - 1; seed < int64(*runs); seed = next.Add(1) - 1 {
				if err := run(t, uint64(seed)); err != nil && violations.Add(1) <= 5 {
					t.Errorf("seed %d: violation: %v", seed, err)
				}
			}
		})
	}
	working.Wait()
	t.Logf("%d runs of %d steps, seeds 0 to %d: %d violations", *runs, steps, *runs-1, violations.Load())
	tool.Figure(t, fmt.Sprintf("violations in %d runs of random faults", *runs), float64(violations.Load()), 0, "")
}
