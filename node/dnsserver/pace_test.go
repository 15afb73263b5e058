package dnsserver

import (
	"testing"
	"time"
)

// Questions that come singly are answered at once; while many come, those of a
// moment are gathered; when they stop, nothing is waited for in vain more than once.
func TestPace(t *testing.T) {
	var p pace
	at := time.Unix(1000, 0)
	for i, step := range []struct {
		after time.Duration
		n     int
		want  bool
	}{
		{time.Second, 1, false},
		{time.Second, 1, false},
		{100 * time.Microsecond, 1, true}, // two in a moment
		{breath, 8, true},
		{breath, 9, true},
		{breath, 1, false},
		{time.Second, 0, false},
		{time.Second, 2, true},
		{breath, 0, false},
	} {
		at = at.Add(step.after)
		if got := p.gathers(step.n, at); got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}
