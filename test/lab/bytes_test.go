package lab

import (
	"testing"
	"time"

	"carillon/test/tool"
)

// manyPhones is how many phones change at once.
const manyPhones = 500

// changesCostLittle: what a line carries for phones that change, with TCP, TLS and
// all acknowledgements, both ways, as the kernel counts it: that of their own site
// what is new about each, that of another site that they are there or not, and
// nothing of what does not matter to it.
func changesCostLittle(s *System) {
	t := s.tb
	users := numbered("burst", manyPhones)
	var all []*Deskphone
	for _, u := range users {
		all = append(all, s.Deskphone("mons", "mons-node", u))
	}
	s.knowAmongOthers(users, 30*time.Second)
	mons, namur := s.lines["mons"], s.lines["namur"]

	oneChangesAlone(t, all[:30], mons, namur)

	contacts, elsewhere := spent(t, manyPhones, func() {
		for _, p := range all {
			p.restarts()
		}
	}, mons, namur)
	costs(t, "each of 500 changed registrations, as contacts", contacts, 25)
	costs(t, "the same on the line of another site", elsewhere, 1)

	both, pointers := spent(t, manyPhones, func() {
		for _, p := range all {
			p.close()
		}
	}, mons, namur)
	costs(t, "each of 500 phones that are cut off, as contacts and pointers", both, 25)
	costs(t, "each of them, as pointers, on the line of another site", pointers, 12)
}

// oneChangesAlone has phones change, each by itself. What else nodes say to each
// other by TCP, as each five minutes who is there, comes in bursts.
func oneChangesAlone(tb testing.TB, phones []*Deskphone, own, other *Line) {
	tb.Helper()
	const tries, goal, goalElsewhere = 3, 150, 10
	for try := 1; ; try++ {
		time.Sleep(3 * time.Second) // what was before is over
		alone, elsewhere := spent(tb, len(phones), func() {
			for _, p := range phones {
				p.restarts()
				time.Sleep(400 * time.Millisecond) // so that each leaves by itself, and is acknowledged
			}
		}, own, other)
		if try == tries || alone <= goal && elsewhere <= goalElsewhere {
			costs(tb, "one changed registration alone", alone, goal)
			costs(tb, "the same on the line of another site", elsewhere, goalElsewhere)
			return
		}
		tb.Logf("one changed registration alone: %.1f bytes, %.1f on the line of another site; once more", alone, elsewhere)
	}
}

// spent has phones change and returns how many bytes that took for each on two
// lines, once no more come.
func spent(tb testing.TB, phones int, change func(), a, b *Line) (onA, onB float64) {
	tb.Helper()
	beforeA, beforeB := a.SessionBytes(), b.SessionBytes()
	change()
	time.Sleep(2 * time.Second)
	return float64(a.SessionBytes()-beforeA) / float64(phones), float64(b.SessionBytes()-beforeB) / float64(phones)
}

func costs(tb testing.TB, what string, got, goal float64) {
	tb.Helper()
	if !tool.Figure(tb, what, got, goal, "B") {
		tb.Errorf("%s: got %.1f bytes, want at most %.0f", what, got, goal)
	}
}
