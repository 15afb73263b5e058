package sites

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carillon/test/tool"
)

var full = flag.Bool("full", false, "up to 500 sites")

func sizes() []int {
	if *full {
		return []int{10, 100, 500}
	}
	return []int{10, 50}
}

// in runs f in a system in simulated time, once all nodes have found each other and
// each site has a phone.
func in(t *testing.T, sites int, f func(s *system)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := openSystem(t, sites)
		defer s.close()
		time.Sleep(2 * time.Minute)
		for i, n := range s.guards {
			s.changes.comes(n, phone(i), sites+1)
		}
		time.Sleep(time.Minute)
		if took, under := s.changes.known(); under > 0 || len(took) != sites {
			t.Fatalf("of %d phones, %d are known everywhere, and %d are not", sites, len(took), under)
		}
		f(s)
	})
}

// TestConverges: changes at any site, ten a second, are known everywhere soon, over
// lines of 1 Mbit/s and 50 ms with the budget that they have, by way of a main that
// works for each of those that it tells.
func TestConverges(t *testing.T) {
	const goal, many, each = 1500 * time.Millisecond, 1000, 100 * time.Millisecond
	for _, sites := range sizes() {
		t.Run(fmt.Sprint(sites), func(t *testing.T) {
			in(t, sites, func(s *system) {
				t := s.tb
				for i := range many {
					s.changes.comes(s.guards[rand.IntN(sites)], phone(sites+i), sites+1)
					time.Sleep(rand.N(2 * each))
				}
				time.Sleep(time.Minute)
				took, under := s.changes.known()
				if under > 0 || len(took) != many {
					t.Fatalf("%d changes are known everywhere, and %d are not", len(took), under)
				}
				slices.Sort(took)
				p50, p99, last := took[many/2], took[many*99/100-1], took[many-1]
				t.Logf("a change is known at all of %d sites, of %d: p50 %v, p99 %v, max %v", sites, many, p50, p99, last)
				if !tool.Figure(t, fmt.Sprintf("a change is known at all of %d sites, p99", sites), p99.Seconds(), goal.Seconds(), "s") {
					t.Error("that is more than the goal")
				}
			})
		})
	}
}

// TestIdleLines: what a line carries when nothing happens does not grow with the
// number of sites.
func TestIdleLines(t *testing.T) {
	const goal = 150
	least := 0.0
	for _, sites := range sizes() {
		t.Run(fmt.Sprint(sites), func(t *testing.T) {
			in(t, sites, func(s *system) {
				t := s.tb
				mean, most := s.idles(10 * time.Minute)
				if !tool.Figure(t, fmt.Sprintf("the idle line of one of %d sites, at most", sites), most, goal, "B/s") {
					t.Error("that is more than the goal")
				}
				if least == 0 {
					least = mean
				}
				if t.Logf("on average %.1f B/s", mean); mean > 1.03*least {
					t.Errorf("got %.1f B/s with %d sites, want no more than with %d, %.1f B/s", mean, sites, sizes()[0], least)
				}
			})
		})
	}
}

// idles returns how many bytes a second a line carries for so long, on average and at
// most, and prints what for.
func (s *system) idles(watched time.Duration) (mean, most float64) {
	before := s.carried()
	time.Sleep(watched)
	all := map[string]float64{}
	for site, l := range s.carried() {
		sum := 0.0
		for what, n := range l {
			perSecond := float64(n-before[site][what]) / watched.Seconds()
			all[what] += perSecond / float64(len(s.lines))
			sum += perSecond
		}
		mean, most = mean+sum/float64(len(s.lines)), max(most, sum)
	}
	for _, what := range slices.Sorted(maps.Keys(all)) {
		s.tb.Logf("%s: %.1f B/s", what, all[what])
	}
	return mean, most
}

// carried returns what each line has carried, by what for.
func (s *system) carried() map[string]map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]map[string]int{}
	for site, l := range s.lines {
		all[site] = maps.Clone(l.carried)
	}
	return all
}
