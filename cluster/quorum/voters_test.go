package quorum

import (
	"errors"
	"strings"
	"testing"
)

// TestAVoteIsTakenOnlyIfTheRestDecides: a main's vote goes only while those that
// stay can decide without it.
func TestAVoteIsTakenOnlyIfTheRestDecides(t *testing.T) {
	for _, tt := range []struct {
		name    string
		leaves  int    // 0 the leader, 1 and 2 the others
		dead    int    // likewise; -1 nobody
		refused string // words of the refusal; empty: it is done
	}{
		{"a dead one", 1, 1, ""},
		{"a living one, the other is dead", 1, 2, "of the 2 that stay 1 would be missing ("},
		{"the leader", 0, -1, ""},
		{"the leader, another is dead", 0, 2, "of the 2 that stay 1 would be missing ("},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := three(t)
			leader := m.leader()
			names := append([]string{leader}, m.others(leader)...)
			if tt.dead >= 0 {
				m.kill(names[tt.dead])
			}
			err := m.up[leader].RemoveVoter(soon(t), names[tt.leaves])
			if tt.refused == "" {
				if err != nil {
					t.Fatal(err)
				}
				for _, stays := range names {
					if stays != names[tt.leaves] {
						propose(t, m.up[stays].Quorum, "after "+stays)
					}
				}
				return
			}
			if !errors.Is(err, ErrNoQuorum) || !strings.Contains(err.Error(), tt.refused) || !strings.Contains(err.Error(), "2 are needed") {
				t.Errorf("got %v, want %q", err, tt.refused)
			}
			if got := len(m.up[leader].Voters()); got != 3 {
				t.Errorf("got %d votes, want 3 still", got)
			}
		})
	}
}

func TestStepAside(t *testing.T) {
	m := three(t)
	leader := m.leader()
	dead := m.others(leader)[0]
	m.kill(dead)
	if err := m.up[leader].StepAside(soon(t)); err != nil {
		t.Fatal(err)
	}
	await(t, "another leader", func() bool {
		next, ok := m.up[leader].Leader()
		return ok && next != leader && next != dead
	})
	if err := m.up[leader].StepAside(soon(t)); err != nil {
		t.Errorf("without the lead: %v", err)
	}
	m.kill(m.leader())
	await(t, "nobody leads", func() bool { return !m.up[leader].leads() })
}
