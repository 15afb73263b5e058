package lab

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A group is phones that call, by the SIPp they belong to.
type group map[*SIPp][]SIPpPhone

// goOn waits until each of the phones has made so many more calls. A call that
// fails is the last one of its phone.
func (g group) goOn(tb testing.TB, more int) {
	tb.Helper()
	var waiting []func() bool
	for p, phones := range g {
		for _, phone := range phones {
			beginning := "caller " + phone.User + " "
			want := p.Log(beginning) + more
			waiting = append(waiting, func() bool { return p.Log(beginning) >= want })
		}
	}
	within := time.Duration(more+1) * 4 * time.Second
	eventually(tb, fmt.Sprintf("each phone that calls makes %d more calls", more), within, func() bool {
		waiting = slices.DeleteFunc(waiting, func(done func() bool) bool { return done() })
		return len(waiting) == 0
	})
}

// pace returns a function that says how many calls per second the phones have
// made since.
func (g group) pace() (perSecond func() float64) {
	began, before := time.Now(), g.made()
	return func() float64 { return float64(g.made()-before) / time.Since(began).Seconds() }
}

// made returns how many calls the phones have made.
func (g group) made() int {
	sum := 0
	for p := range g {
		sum += p.Log("caller ")
	}
	return sum
}

// complainOfNothing checks that no phone has seen what it did not expect: a call
// that failed, a registration that was refused.
func complainOfNothing(tb testing.TB, all ...*SIPp) {
	tb.Helper()
	for _, p := range all {
		if text := p.complaints(); text != "" {
			tb.Errorf("SIPp did not expect:\n%s", text[:min(len(text), 2000)])
		}
		select {
		case <-p.done:
			tb.Errorf("SIPp has ended: %s", p.output.tail(500))
		default:
		}
	}
}
