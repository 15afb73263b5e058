package lab

import (
	"testing"
	"time"

	"carillon/test/tool"
)

// oncePhones is how many phones come one after another, onceTries how often if
// something else is said meanwhile, as who is there each five minutes.
const (
	oncePhones = 30
	onceTries  = 3
)

// deltasCrossOnce: of each phone that comes the line of its site, and that of
// another one, carry one segment that has data, one way.
func deltasCrossOnce(s *System) {
	t := s.tb
	mons, namur := s.lines["mons"].countData(t), s.lines["namur"].countData(t)
	for try := range onceTries {
		time.Sleep(3 * time.Second) // what was before is over
		up, back, down, forth := mons("up"), mons("down"), namur("down"), namur("up")
		for _, u := range numbered("once", onceTries*oncePhones)[try*oncePhones:][:oncePhones] {
			s.Deskphone("mons", "mons-node", u)
			time.Sleep(400 * time.Millisecond) // so that each leaves by itself
		}
		up, back, down, forth = mons("up")-up, mons("down")-back, namur("down")-down, namur("up")-forth
		if up < oncePhones || down < oncePhones {
			t.Errorf("got %d and %d segments for %d phones: not all crossed", up, down, oncePhones)
		}
		if last := try == onceTries-1; last || up == oncePhones && down == oncePhones && back+forth == 0 {
			crossings(t, "a delta crosses the line of its site", up+back)
			crossings(t, "a delta crosses the line of another site", down+forth)
			return
		}
		t.Logf("%d and %d segments for %d phones, and %d and %d back; once more", up, down, oncePhones, back, forth)
	}
}

func crossings(tb testing.TB, what string, segments int) {
	tb.Helper()
	if !tool.Figure(tb, what, float64(segments)/oncePhones, 1, "times") {
		tb.Error("that is more than once")
	}
}

// countData has the kernel count the segments with data between nodes, "up" to the
// head office and "down" from there, and returns a function that reads that.
func (l *Line) countData(tb testing.TB) (read func(way string) int) {
	tb.Helper()
	const bare = "72" // bytes of a segment without data, at most
	table := "inet once" + l.site
	words := "add table " + table + "; add chain " + table + " forward { type filter hook forward priority 10; }"
	for way, comes := range map[string]string{"up": "iifname ", "down": "oifname "} {
		words += "; add counter " + table + " " + way
		for _, end := range []string{"dport", "sport"} {
			words += "; add rule " + table + " forward " + comes + l.site + " tcp " + end + " 7946 meta length > " + bare + " counter name " + way
		}
	}
	l.s.in("hq", l.s.nft, words)
	tb.Cleanup(func() { l.s.in("hq", l.s.nft, "delete table "+table) })
	return func(way string) int {
		packets, _ := l.s.counted(table, way)
		return packets
	}
}
