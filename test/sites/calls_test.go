package sites

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"carillon/test/tool"
)

// spends returns how many bytes of sessions the line of the i-th site carries while f runs and for a
// second more.
func (s *system) spends(i int, f func()) int {
	sum := func() (n int) {
		for what, bytes := range s.carried()[s.guards[i].site] {
			if what == "session" {
				n += bytes
			}
		}
		return n
	}
	before := sum()
	f()
	time.Sleep(time.Second)
	return sum() - before
}

// TestDialogChanges: what it costs a line when ten calls ring, are answered and are over,
// ten at once, at the site that has them and at another one that watches it; and that a
// site which does not pays nothing.
func TestDialogChanges(t *testing.T) {
	in(t, 3, func(s *system) {
		const many, goal = 10, 60
		t := s.tb
		s.guards[1].follows("site001", "site000")
		time.Sleep(time.Minute)
		for at, name := range []string{"of the calls", "that watches", "of no concern"} {
			s.batch(many, 100*at) // what the first one costs
			time.Sleep(time.Minute)
			var all []*talk
			sum := 0
			for _, step := range []struct {
				what string
				do   func()
			}{
				{"ring", func() { all = s.batch(many, 100*at+20) }},
				{"are answered", func() { each(all, (*talk).isAnswered) }},
				{"are over", func() { each(all, (*talk).isOver) }},
			} {
				spent := s.spends(at, step.do)
				t.Logf("ten calls %s: %d B each at the line %s", step.what, spent/many, name)
				sum += spent
			}
			if at == 2 {
				if sum != 0 {
					t.Errorf("a site that does not watch pays %d B, want none", sum)
				}
				continue
			}
			if !tool.Figure(t, "a change of a dialog in batches of ten, at the line "+name, float64(sum)/many/3, goal, "B") {
				t.Error("that is more than the goal")
			}
		}
	})
}

// batch lets calls of the first site ring, to and from outside.
func (s *system) batch(many, from int) (all []*talk) {
	for i := range many {
		all = append(all, s.guards[0].begins(from+i, fmt.Sprintf("000%02d", i), "112"))
	}
	return all
}

func each(all []*talk, do func(*talk)) {
	for _, t := range all {
		do(t)
	}
}

// TestBusySite: 50 phones of a site that are on five calls a minute each, half of them
// made, half of them to users of another site, which watches them as the first does: what
// the lines carry, and how soon the other site shows what a call has become.
func TestBusySite(t *testing.T) {
	in(t, 3, func(s *system) {
		const phones, perMinute, goal, took = 50, 5, 16, 2*time.Minute + 10*time.Second
		t := s.tb
		s.guards[0].follows("site000", "site001")
		s.guards[1].follows("site001", "site000")
		time.Sleep(time.Minute)
		seen := s.guards[1].sees(s.guards[0])
		before := s.carried()
		for i := range phones * perMinute * 2 {
			caller, from, to := s.guards[i%2], fmt.Sprintf("000%02d", i/2%phones), "112"
			if i%4 < 2 {
				to = fmt.Sprintf("001%02d", i/2%phones)
			}
			if i%2 == 1 {
				from, to = to, from
			}
			time.AfterFunc(rand.N(2*time.Minute), func() {
				talk := caller.begins(i, from, to)
				time.AfterFunc(3*time.Second+rand.N(2*time.Second), func() {
					talk.isAnswered()
					time.AfterFunc(4*time.Second, talk.isOver)
				})
			})
		}
		time.Sleep(took)
		for at, name := range []string{"of 50 busy phones", "that watches them"} {
			sum := 0
			for what, n := range s.carried()[s.guards[at].site] {
				sum += n - before[s.guards[at].site][what]
			}
			if !tool.Figure(t, "the line of a site "+name, float64(sum)*8/took.Seconds()/1000, goal, "kbit/s") {
				t.Error("that is more than the goal")
			}
		}
		late := seen()
		if len(late) < phones*perMinute {
			t.Fatalf("the site that watches saw %d changes", len(late))
		}
		slices.Sort(late)
		if !tool.Figure(t, "another site shows what a call has become, p99", late[len(late)*99/100].Seconds(), 1, "s") {
			t.Error("that is more than the goal")
		}
		for _, n := range slices.Concat(s.mains, s.guards) {
			if lit := n.calls.All(); len(lit) > 0 {
				t.Errorf("%s shows %d sides of calls that are over", n.name, len(lit))
			}
		}
	})
}

// sees returns what tells how long it took until n showed each change of a call of from.
func (n *node) sees(from *node) (late func() []time.Duration) {
	var mu sync.Mutex
	first := map[became]time.Duration{}
	stop := n.calls.Watch(func(user string) {
		mu.Lock()
		defer mu.Unlock()
		for _, d := range n.calls.Of(user) {
			x := became{d.Call, user, d.State}
			since, told := from.told.Load(x)
			if _, known := first[x]; told && !known {
				first[x] = time.Since(since.(time.Time)) //nolint:forcetypeassert // nothing else is in it
			}
		}
	})
	return func() []time.Duration {
		stop()
		mu.Lock()
		defer mu.Unlock()
		return slices.Collect(maps.Values(first))
	}
}
