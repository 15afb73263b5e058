package lab

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"carillon/test/tool"
)

func allUsers(perSite int) []string {
	var all []string
	for _, l := range lans {
		all = append(all, numbered(l.site, perSite)...)
	}
	return all
}

// TestSites is the everyday life of a system with two mains and two branches:
// tests that leave it as they found it, but for phones that have gone.
func TestSites(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	users := slices.Concat(allUsers(20), numbered("quiet", 20), numbered("meter", meterPhones), numbered("burst", manyPhones), numbered("once", onceTries*oncePhones), []string{"alice", "bob", "carol", "dave", "erin"})
	s := OpenSystem(t, twoMains(), users)
	s.during(t, "IdleLineCostsLittle", idleLineCostsLittle)               // while nothing has happened yet
	s.during(t, "RefreshCostsTheLineNothing", refreshCostsTheLineNothing) // while no phone is missed
	s.during(t, "MeterAgrees", meterAgrees)
	s.during(t, "ChangesCostLittle", changesCostLittle)
	s.during(t, "DeltasCrossOnce", deltasCrossOnce)
	s.during(t, "NamesOfEachSite", namesOfEachSite)
	s.during(t, "ADrainedNodeLeavesAllAnswers", aDrainedNodeLeavesAllAnswers)
	s.during(t, "CallEachOther", callEachOther)
	s.during(t, "RingAllPhonesOfAUser", ringAllPhonesOfAUser)
	s.during(t, "HearEachOther", hearEachOther)
	s.during(t, "StrangersAreRefused", strangersAreRefused)
	s.during(t, "TokensAreRefused", tokensAreRefused) // adds a node
	s.during(t, "OutsidersGetNothing", outsidersGetNothing)
}

// callEachOther: 20 phones at each of three sites, and every site calls every
// other over its line; either side hangs up, upon which the other one's leg ends.
func callEachOther(s *System) {
	t := s.tb
	sipp := tool.Need(t, "sipp", "sip-tester")
	const calls = 4 // of each caller
	var called, calling []*SIPp
	for _, l := range lans {
		home := homes[l.site]
		if l.site == "hq" {
			home = "hardy" // the other main
		}
		called = append(called, s.SIPp(sipp, l.site, home, waiting(l.site, 10)))
	}
	s.knowAmongOthers(allUsers(10), 20*time.Second)
	for _, l := range lans {
		calling = append(calling, s.SIPp(sipp, l.site, homes[l.site], callers(l.site, 10, calls)))
	}
	const want = 3 * 10 * calls
	deadline := time.Now().Add(60 * time.Second)
	for total(calling, "caller") < want || total(called, "callee") < want {
		if time.Now().After(deadline) {
			t.Fatalf("got %d calls made and %d answered, want %d each", total(calling, "caller"), total(called, "callee"), want)
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, from := range lans {
		for _, to := range lans {
			for _, end := range []string{"caller", "callee"} {
				kind := fmt.Sprintf(`^caller %s\d+ called %s\d+, hung up by %s$`, from.site, to.site, end)
				if got := matching(calling, kind); from != to && got != 5*calls/2 {
					t.Errorf("calls of the kind %q: got %d, want %d", kind, got, 5*calls/2)
				}
			}
		}
	}
	for _, l := range lans {
		if got := matching(called, `^callee `+l.site+`\d+ ended$`); got != want/3 {
			t.Errorf("calls to %s that the called phone saw end: got %d, want %d", l.site, got, want/3)
		}
	}
	s.everyNodeHas(0, "")
	s.knowAmongOthers(allUsers(20), 20*time.Second)
	complainOfNothing(t, slices.Concat(called, calling)...)
}

// callers are the phones of a site from number first on; half of them call each
// of the other sites.
func callers(site string, first, calls int) []SIPpPhone {
	var others []string
	for _, l := range lans {
		if l.site != site {
			others = append(others, l.site)
		}
	}
	var phones []SIPpPhone
	for i, u := range numbered(site, first+10)[first:] {
		target := 5*siteNumber(site, others[i%2]) + i/2
		phones = append(phones, SIPpPhone{User: u, Target: fmt.Sprintf("%s%03d", others[i%2], target), Calls: calls, Callee: i / 2 % 2})
	}
	return phones
}

// siteNumber is 0 or 1: which of those that call a site another one is.
func siteNumber(site, called string) int {
	number := 0
	for _, l := range lans {
		if l.site == site {
			break
		}
		if l.site != called {
			number++
		}
	}
	return number
}
