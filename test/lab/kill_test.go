package lab

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Two bounds of the issue.
const (
	callsPerSecond = 20              // are made while a main is killed
	writableAgain  = 5 * time.Second // is the configuration, after the leader of three mains was killed
)

// TestMainIsKilled: one of the two mains is killed; with -outages, then the other
// one in a system of its own. The configuration stands still until it is back.
func TestMainIsKilled(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	for i, killed := range twoMains() {
		if i > 0 && !*wholeOutages {
			continue
		}
		t.Run(killed, func(t *testing.T) {
			s, other := OpenSystem(t, twoMains(), rushUsers()), twoMains()[1-i]
			s.leader(twoMains()) // before, one decides alone
			s.losesMain(t, killed, []string{other}, func(time.Time) {
				out, err := s.change(other, "left-alone")
				if err == nil {
					t.Errorf("a change of the configuration with one main of two: got %q, want a refusal", out)
				}
				t.Logf("a change with one main of two: %s", out)
			})
		})
	}
}

// TestLeaderIsKilled: of three mains the one that leads is killed. The others
// soon take changes again, of which it learns when it is back.
func TestLeaderIsKilled(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	mains := []string{"laurel", "hardy", "keaton"}
	s := OpenSystem(t, mains, rushUsers())
	leader := s.leader(mains)
	others := slices.DeleteFunc(mains, func(m string) bool { return m == leader })
	s.losesMain(t, leader, others, func(killed time.Time) {
		before := s.nodes[others[0]].status().Config
		for tries := 1; ; tries++ {
			out, err := s.change(others[tries%2], fmt.Sprintf("try%d", tries))
			after := time.Since(killed)
			switch {
			case after > writableAgain:
				t.Errorf("a change, %v after the leader was killed: got %v, %s, want one taken within %v", after, err, out, writableAgain)
				return
			case err == nil:
				t.Logf("a change was taken %v after the leader was killed, at try %d", after, tries)
				if now := s.agree(); now <= before {
					t.Errorf("configuration after that change: got %d, want more than %d", now, before)
				}
				return
			}
		}
	})
}

// losesMain kills a main under load, has changes try to change the configuration,
// and starts the main again. Phones elsewhere notice nothing.
func (s *System) losesMain(t *testing.T, killed string, others []string, changes func(killed time.Time)) {
	t.Helper()
	load := s.rush(t, others)
	talks := s.talk(killed, others)
	keeper := s.DeskphoneOver("udp", "hq", killed, "desk005")
	load.calling.goOn(t, 1)
	index := s.agree()

	perSecond, at := load.calling.pace(), time.Now()
	s.nodes[killed].kill()
	ended := talks.end()
	changes(at)
	s.leaves("mons", others[0], killed)
	load.calling.goOn(t, 2)
	if got := perSecond(); got < callsPerSecond {
		t.Errorf("calls while %s was killed: got %.1f per second, want %d", killed, got, callsPerSecond)
	} else {
		t.Logf("%.1f calls per second while %s was killed", got, killed)
	}
	ended()
	s.lines["mons"].Mend()
	after := s.agree()

	n := s.nodes[killed]
	n.start(n.flags...)
	if got := n.status().Config; got < index {
		t.Errorf("configuration of %s when it is back: got %d, want what it had, %d", killed, got, index)
	}
	s.isWhole(20 * time.Second)
	if got := s.agree(); got != after {
		t.Errorf("configuration after %s is back: got %d, want %d", killed, got, after)
	}
	eventually(t, "the configuration can be changed at "+killed, 15*time.Second, func() bool {
		_, err := s.change(killed, "back-again")
		return err == nil
	})
	if got := s.agree(); got <= after {
		t.Errorf("configuration after a change: got %d, want more than %d", got, after)
	}
	if err := talks.phones[0].talksTo(keeper).ends(true); err != nil { // its registration was on disk
		t.Errorf("a phone over UDP that registered at %s before: %v", killed, err)
	}
	load.calling.goOn(t, 1)
	complainOfNothing(t, load.all...)
	s.know(slices.Concat(load.users, talks.users(), []string{keeper.user}), 10*time.Second)
	s.hasNoCallsOf(talks.users())
}
