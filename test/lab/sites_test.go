package lab

import (
	"fmt"
	"testing"
	"time"

	"carillon/test/tool"
)

// homes are the nodes at which the phones of each site register.
var homes = map[string]string{"hq": "laurel", "mons": "mons-node", "namur": "namur-node"}

func allUsers(perSite int) []string {
	var all []string
	for _, lan := range lans {
		all = append(all, numbered(lan.site, perSite)...)
	}
	return all
}

// TestSitesCallEachOther: 20 phones at each of three sites, and every site calls
// every other over its line; either side hangs up.
func TestSitesCallEachOther(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	sipp := tool.Need(t, "sipp", "sip-tester")
	const calls = 4 // of each caller
	s := OpenSystem(t, allUsers(20))
	var called, calling []*SIPp
	for _, lan := range lans {
		home := homes[lan.site]
		if lan.site == "hq" {
			home = "hardy" // the other main
		}
		called = append(called, s.SIPp(sipp, lan.site, home, waiting(lan.site, 10)))
	}
	for _, n := range s.nodes {
		n.eventually("30 phones wait for calls", 20*time.Second, func() bool { return n.Rows("registrations") == 30 })
	}
	for _, lan := range lans {
		calling = append(calling, s.SIPp(sipp, lan.site, homes[lan.site], callers(lan.site, 10, calls)))
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
			pair := fmt.Sprintf(`caller %s\d+ called %s`, from.site, to.site)
			if got := matching(calling, pair); from != to && got != 5*calls {
				t.Errorf("calls of the kind %q: got %d, want %d", pair, got, 5*calls)
			}
		}
	}
	for _, ending := range []string{"hung up by caller$", "hung up by callee$"} {
		if got := matching(calling, ending); got != want/2 {
			t.Errorf("calls %q: got %d, want %d", ending, got, want/2)
		}
	}
	for _, n := range s.nodes {
		n.eventually("no call is left", 5*time.Second, func() bool { return n.Rows("calls") == 0 })
		if got := n.Rows("registrations"); got != 60 {
			t.Errorf("registrations: got %d, want 60", got)
		}
	}
}

// callers are the phones of a site from number first on; half of them call each
// of the other sites.
func callers(site string, first, calls int) []SIPpPhone {
	var others []string
	for _, lan := range lans {
		if lan.site != site {
			others = append(others, lan.site)
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
	for _, lan := range lans {
		if lan.site == site {
			break
		}
		if lan.site != called {
			number++
		}
	}
	return number
}
