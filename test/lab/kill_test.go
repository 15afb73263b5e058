package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestMainIsKilled: one of the two mains is killed under 20 calls per second.
// Phones elsewhere notice nothing, the configuration stands still, and the main
// comes back with what it had.
func TestMainIsKilled(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	for _, c := range []struct{ killed, other string }{{"laurel", "hardy"}, {"hardy", "laurel"}} {
		t.Run(c.killed, func(t *testing.T) { killsMain(t, c.killed, c.other) })
	}
}

func killsMain(t *testing.T, killed, other string) {
	t.Helper()
	sipp := tool.Need(t, "sipp", "sip-tester")
	s := OpenSystem(t, allUsers(40))
	s.SIPp(sipp, "mons", "mons-node", waiting("mons", 20))
	s.SIPp(sipp, "namur", "namur-node", waiting("namur", 20))
	s.SIPp(sipp, "hq", other, waiting("hq", 10))
	others := slices.Concat(numbered("mons", 20), numbered("namur", 20), numbered("hq", 10))
	s.know(others, 20*time.Second)
	fromHQ, fromMons, fromNamur := calling("hq", 10, 20, "mons"), calling("mons", 20, 20, "namur"), calling("namur", 20, 10, "hq")
	calls := group{
		s.SIPp(sipp, "hq", other, fromHQ):              fromHQ,
		s.SIPp(sipp, "mons", "mons-node", fromMons):    fromMons,
		s.SIPp(sipp, "namur", "namur-node", fromNamur): fromNamur,
	}
	calls.goOn(t, 1)
	index := s.agree(5 * time.Second)

	s.Kill(killed)
	calls.goOn(t, 2)
	if out, err := s.change(t, other, "Left Alone"); err == nil {
		t.Errorf("a change of the configuration with one main of two: got %q, want a refusal", out)
	} else {
		t.Logf("a change with one main of two: %s", out)
	}
	calls.goOn(t, 2)

	s.Restart(killed)
	n := s.nodes[killed]
	if got := n.status().Config; got != index {
		t.Errorf("configuration of %s when it is back: got %d, want %d", killed, got, index)
	}
	n.eventually("the main is with the others", 20*time.Second, func() bool { return n.alive() == 4 && n.connected() })
	if got := s.agree(5 * time.Second); got != index {
		t.Errorf("configuration after the main is back: got %d, want %d", got, index)
	}
	eventually(t, "the configuration can be changed", 15*time.Second, func() bool {
		_, err := s.change(t, killed, "Back Again")
		return err == nil
	})
	if got := s.agree(5 * time.Second); got <= index {
		t.Errorf("configuration after a change: got %d, want more than %d", got, index)
	}
	calls.goOn(t, 2)
	s.know(slices.Concat(others, users(fromHQ), users(fromMons), users(fromNamur)), 10*time.Second)
}

// calling are phones of a site from number first on that call those of another
// site for ever.
func calling(site string, first, count int, other string) []SIPpPhone {
	var phones []SIPpPhone
	for i, u := range numbered(site, first+count)[first:] {
		phones = append(phones, SIPpPhone{User: u, Target: numbered(other, count)[i], Calls: 1000, Callee: i % 2})
	}
	return phones
}

func users(phones []SIPpPhone) []string {
	var all []string
	for _, p := range phones {
		all = append(all, p.User)
	}
	return all
}

// change adds a user of this name to the configuration at a node, and returns
// what the command says.
func (s *System) change(t *testing.T, node, name string) (string, error) {
	t.Helper()
	n := s.nodes[node]
	before, err := n.command("config", "export").Output()
	if err != nil {
		return "", err
	}
	text := strings.Replace(string(before), "users:\n", "users:\n  - {number: \"new\", name: \""+name+"\"}\n", 1)
	file := filepath.Join(t.TempDir(), "changed.yaml")
	if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := n.command("config", "apply", "-f", file).CombinedOutput()
	return string(out), err
}
