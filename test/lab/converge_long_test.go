//go:build long

package lab

import (
	"testing"
	"time"
)

// TestConvergesUnderLoad takes six minutes, so it is asked for:
//
//	go test -tags long -timeout 40m -v -run TestConvergesUnderLoad ./test/lab
//
// A change is known everywhere within a second, in 99 of 100 cases, and within 2.5 s
// while somebody's downloads fill the lines both ways.
func TestConvergesUnderLoad(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	const phones = 200
	c := openConverging(t, 2*phones)
	quiet := c.measures("", time.Second, phones)
	c.saturate(t, "mons")
	carried := c.saturate(t, "namur")
	time.Sleep(20 * time.Second) // until the lines are full
	before, began := carried(), time.Now()
	full := c.measures(", on full lines", 2500*time.Millisecond, phones)
	t.Logf("downloads over the line to namur: %d kbit/s, both ways together", (carried()-before)*8/1000/int64(time.Since(began).Seconds()))
	if !quiet || !full {
		t.Error("that is more than the goal")
	}
}
