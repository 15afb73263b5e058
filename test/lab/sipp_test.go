package lab

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestThreeHundredPhones is the everyday life of a node: 200 phones over TCP and
// 100 over UDP register with digest and stay; half of them call the other half,
// 1,000 calls in every mix of transports, and either side hangs up.
func TestThreeHundredPhones(t *testing.T) {
	sipp := tool.Need(t, "sipp", "sip-tester")
	binary := tool.Carillon(t)
	n := Start(t, binary, append(numbered("t", 200), numbered("u", 100)...))
	files := n.Files()

	called := []*SIPp{
		StartSIPp(t, sipp, Loopback(t), n, "tn", waiting("t", 100)),
		StartSIPp(t, sipp, Loopback(t), n, "un", waiting("u", 50)),
	}
	n.eventually("150 phones wait for calls", 20*time.Second, func() bool { return n.Rows("registrations") == 150 })
	calling := []*SIPp{
		StartSIPp(t, sipp, Loopback(t), n, "tn", dialling("t", 100, 200, 7)),
		StartSIPp(t, sipp, Loopback(t), n, "un", dialling("u", 50, 100, 6)),
	}

	deadline := time.Now().Add(60 * time.Second)
	for total(calling, "caller") < 1000 || total(called, "callee") < 1000 {
		if time.Now().After(deadline) {
			t.Fatalf("got %d calls made and %d answered, want 1,000 each", total(calling, "caller"), total(called, "callee"))
		}
		time.Sleep(100 * time.Millisecond)
	}
	for mix, want := range map[string]int{
		`caller t\d+ called t`: 350, `caller t\d+ called u`: 350, `caller u\d+ called t`: 150, `caller u\d+ called u`: 150,
		`hung up by caller$`: 500, `hung up by callee$`: 500,
	} {
		if got := matching(calling, mix); got != want {
			t.Errorf("calls of the kind %q: got %d, want %d", mix, got, want)
		}
	}
	if got := n.Rows("registrations"); got != 300 {
		t.Errorf("registrations after the calls: got %d, want 300", got)
	}
	n.eventually("no call is left", 5*time.Second, func() bool { return n.Rows("calls") == 0 })

	for _, s := range append(called, calling...) {
		s.Stop()
	}
	n.eventually(fmt.Sprintf("no more than %d files are open", files), 10*time.Second, func() bool { return n.Files() <= files })
	fresh := idleGoroutines(t, binary)
	for who, got := range n.Goroutines() {
		if got > fresh[who] {
			t.Errorf("goroutines that %s started: got %d, want no more than %d, which a fresh node has", who, got, fresh[who])
		}
	}
}

func idleGoroutines(t *testing.T, binary string) map[string]int {
	t.Helper()
	fresh := Start(t, binary, numbered("t", 200))
	fresh.Rows("calls")
	return fresh.Goroutines()
}

func numbered(letter string, count int) []string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf("%s%03d", letter, i))
	}
	return all
}

func waiting(letter string, count int) []SIPpPhone {
	var phones []SIPpPhone
	for _, u := range numbered(letter, count) {
		phones = append(phones, SIPpPhone{User: u, Target: "nobody"})
	}
	return phones
}

// dialling returns phones that call those of waiting: every other one over the
// other transport. Either side hangs up by turns.
func dialling(letter string, from, to, calls int) []SIPpPhone {
	var phones []SIPpPhone
	for i, u := range numbered(letter, to)[from:] {
		p := SIPpPhone{User: u, Calls: calls, Callee: i / 2 % 2, Target: fmt.Sprintf("t%03d", i)}
		if i%2 == 1 {
			p.Target = fmt.Sprintf("u%03d", i/2)
		}
		phones = append(phones, p)
	}
	return phones
}

func total(all []*SIPp, beginning string) int {
	sum := 0
	for _, s := range all {
		sum += s.Log(beginning)
	}
	return sum
}

func matching(all []*SIPp, pattern string) int {
	kind, sum := regexp.MustCompile(pattern), 0
	for _, s := range all {
		for _, l := range s.lines() {
			if kind.MatchString(l) {
				sum++
			}
		}
	}
	return sum
}
