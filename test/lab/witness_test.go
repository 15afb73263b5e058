package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// Bounds of the issue.
const (
	witnessedAgain = 8 * time.Second // is the configuration writable, after one of two mains that have a witness was killed
	witnessCosts   = 1300            // bytes of IP a second at most, on the line between the mains and the witness
)

// TestWitness: two mains, and a witness at a branch that has a vote. It costs the
// line little; one main is killed, and the other soon takes changes again. Without
// the witness too it takes none, until the operator says so; the others come back
// to what it has decided.
func TestWitness(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	s := OpenSystem(t, twoMains(), numbered("desk", 1))
	s.join("mons", "wim", "witness")
	leader := s.leader(append(twoMains(), "wim"))
	costs := s.rests("mons")
	if !tool.Figure(t, "the line of a branch with a witness, where nothing happens", float64(costs), witnessCosts, "B/s") {
		t.Errorf("the line of a branch with a witness carries %d B/s, want at most %d", costs, witnessCosts)
	}
	for _, branch := range []string{"mons-node", "namur-node"} {
		if got := s.nodes[branch].carried()["raft"]; got != 0 {
			t.Errorf("%s, which has no vote, got and sent %d bytes of Raft, want none", branch, got)
		}
	}
	if s.nodes[leader].carried()["raft"] == 0 {
		t.Error("the leader sent no byte of Raft: they are not counted")
	}

	left := twoMains()[1-slices.Index(twoMains(), leader)]
	killed := tool.Start(t)
	s.nodes[leader].kill()
	s.isWritable(left, killed, witnessedAgain)

	s.nodes["wim"].kill()
	if out, err := s.change(left, "left-alone"); err == nil || !strings.Contains(out, "2 of 3 missing") {
		t.Errorf("a change with one of three: got %v, %s, want a refusal that says who is missing", err, out)
	}
	if out, err := s.nodes[left].command("cluster", "take-over", "--yes").CombinedOutput(); err != nil {
		t.Fatalf("taking over: %v, %s", err, out)
	}
	s.isWritable(left, tool.Start(t), witnessedAgain)

	want := s.nodes[left].status().ConfigHash
	for _, name := range []string{leader, "wim"} {
		s.nodes[name].start(s.nodes[name].flags...)
	}
	eventually(t, leader+" has what "+left+" decided", 30*time.Second, func() bool { return s.nodes[leader].status().ConfigHash == want })
	s.isWritable(leader, tool.Start(t), 30*time.Second)
}

// rests returns how many bytes of IP a second the line of a site carries while
// nothing happens: the least of some tries, because now and then nodes compare who
// is there.
func (s *System) rests(site string) int {
	const tries, rest = 3, 8
	least := 1 << 30
	for range tries {
		before := s.lines[site].IPBytes()
		time.Sleep(rest * time.Second)
		least = min(least, (s.lines[site].IPBytes()-before)/rest)
	}
	return least
}

// isWritable wants a change taken at a node within some time from since.
func (s *System) isWritable(node string, since *tool.Stopwatch, within time.Duration) {
	s.tb.Helper()
	for tries := 1; ; tries++ {
		out, err := s.change(node, fmt.Sprintf("%s-%d", node, time.Now().UnixMilli()))
		after := since.Took()
		switch {
		case err == nil && after <= within:
			s.tb.Logf("a change was taken at %s at try %d", node, tries)
			tool.Figure(s.tb, "the configuration is writable", after.Seconds(), within.Seconds(), "s")
			return
		case after > within:
			s.tb.Fatalf("a change at %s after %v: got %v, %s, want one taken within %v", node, after, err, out, within)
		}
	}
}
