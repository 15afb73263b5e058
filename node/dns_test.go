package node

import (
	"testing"
	"time"

	"carillon/cluster/session"
	"carillon/store"
)

// A main leaves the answers of a branch when it is silent and another one is not: if
// the line of the branch is cut, the last main falls silent seconds after the first.
func TestASilentMainLeavesTheAnswers(t *testing.T) {
	now := time.Now()
	mains := []store.Node{{Name: "laurel"}, {Name: "hardy"}}
	line := func(node string, state session.State, since, heard time.Duration) session.Line {
		return session.Line{Link: session.Link{Node: node, State: state, Since: now.Add(-since)}, Heard: now.Add(-heard)}
	}
	for _, tt := range []struct {
		name  string
		lines []session.Line
		want  bool
	}{
		{"nothing is known", nil, false},
		{"it is heard", []session.Line{line("laurel", session.Up, time.Hour, 0), line("hardy", session.Up, time.Hour, 0)}, false},
		{"the other was heard before", []session.Line{line("laurel", session.Down, time.Second, 9*time.Second), line("hardy", session.Up, time.Hour, 7*time.Second)}, false},
		{"the other was heard since", []session.Line{line("laurel", session.Down, 2*time.Second, 10*time.Second), line("hardy", session.Up, time.Hour, time.Second)}, true},
		{"the other is silent too", []session.Line{line("laurel", session.Down, 9*time.Second, 17*time.Second), line("hardy", session.Down, time.Second, 9*time.Second)}, false},
		{"another branch was heard since", []session.Line{line("laurel", session.Down, 2*time.Second, 10*time.Second), line("mons", session.Up, time.Hour, time.Second)}, false},
	} {
		if got := isGone("laurel", tt.lines, mains); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
