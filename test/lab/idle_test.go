//go:build long

package lab

import (
	"testing"
	"time"

	"carillon/test/tool"
)

// TestFiveHundredPhonesAreFree takes 24 minutes, so it is asked for:
//
//	go test -tags long -timeout 40m -v -run TestFiveHundredPhonesAreFree ./test/lab
//
// The line of a branch carries in ten minutes what it carries anyway, although 500
// phones of the branch refresh their registrations each minute: 2 % or 3 kB more at
// most, and 150 bytes of IP a second.
func TestFiveHundredPhonesAreFree(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	const phones, rounds, most = 500, 10, 150
	s := OpenSystem(t, twoMains(), numbered("many", phones))
	line := s.lines["mons"]
	spent := func(each func()) int {
		classes := s.nodes["mons-node"].carried()
		before, tick := line.IPBytes(), time.NewTicker(time.Minute)
		defer tick.Stop()
		for range rounds {
			each()
			<-tick.C
		}
		all := line.IPBytes() - before
		for class, n := range s.nodes["mons-node"].carried() {
			t.Logf("%s: %d bytes", class, n-classes[class])
		}
		return all
	}
	time.Sleep(time.Minute) // what the beginning costs is over
	rest := spent(func() {})
	t.Logf("without phones: %d bytes in %d minutes", rest, rounds)
	little := tool.Figure(t, "an idle line", float64(rest)/rounds/60, most, "B/s")

	all := make([]*Deskphone, 0, phones)
	for _, u := range numbered("many", phones) {
		all = append(all, s.Deskphone("mons", "mons-node", u))
	}
	s.know(numbered("many", phones), time.Minute)
	time.Sleep(time.Minute) // and what their coming costs
	busy := spent(func() {
		for _, p := range all {
			p.Registers()
			time.Sleep(50 * time.Second / phones)
		}
	})
	t.Logf("with %d phones: %d bytes, %d B/s", phones, busy, busy/rounds/60)
	if !tool.Figure(t, "what 500 phones that refresh add in ten minutes", float64(busy-rest), float64(max(rest/50, 3000)), "B") || !little {
		t.Error("that is more than the goal")
	}
}
