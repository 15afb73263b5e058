package lab

import (
	"time"

	"carillon/test/tool"
)

// idleLineCostsLittle: where nothing happens, nodes that watch each other put at
// most 150 bytes a second on a line. Now and then they compare who is there, which
// costs some kilobytes at once.
func idleLineCostsLittle(s *System) {
	t := s.tb
	const tries, rest, goal = 3, 30 * time.Second, 150
	time.Sleep(rest / 2) // what the beginning costs is over
	for try := 1; ; try++ {
		before := s.lines["mons"].IPBytes()
		time.Sleep(rest)
		spent := s.lines["mons"].IPBytes() - before
		if little := spent <= goal*int(rest/time.Second); !little && try < tries {
			t.Logf("an idle line: %d bytes in %v; once more", spent, rest)
			continue
		}
		if !tool.Figure(t, "an idle line for half a minute", float64(spent)/rest.Seconds(), goal, "B/s") {
			t.Error("that is more than the goal")
		}
		return
	}
}

// refreshCostsTheLineNothing: phones of a branch that renew what is
// registered put no more bytes on its line than phones that rest.
func refreshCostsTheLineNothing(s *System) {
	t := s.tb
	const phones, rounds, round = 20, 25, 400 * time.Millisecond
	var all []*Deskphone
	for _, u := range numbered("quiet", phones) {
		all = append(all, s.Deskphone("mons", "mons-node", u))
	}
	s.knowAmongOthers(numbered("quiet", phones), 10*time.Second)
	time.Sleep(3 * time.Second) // what the registrations cost is over

	line := s.lines["mons"]
	spent := func(each func()) int {
		before, tick := line.Bytes(), time.NewTicker(round)
		defer tick.Stop()
		for range rounds {
			each()
			<-tick.C
		}
		return line.Bytes() - before
	}
	// What the nodes have to say anyway comes in bursts, such as joining their rings
	// again; phones that cost something cost it each time.
	const tries = 3
	for try := 1; ; try++ {
		rest := spent(func() {})
		refreshes := spent(func() {
			for _, p := range all {
				p.Registers()
			}
		})
		t.Logf("%d bytes in %v of rest, %d with %d refreshes", rest, rounds*round, refreshes, phones*rounds)
		limit := rest + max(rest/50, 600)
		if refreshes <= limit {
			return
		}
		if try == tries {
			t.Fatalf("bytes on the line with %d refreshes: got %d, want no more than %d, %d times", phones*rounds, refreshes, limit, tries)
		}
	}
}
