package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/tool"
)

// TestBranchGoesOnAlone: a branch's line is cut, once silently and once so that
// its router says it. The branch notices, its own calls go on all the while, who
// calls it from outside is told soon, and when the line is back all is as before.
func TestBranchGoesOnAlone(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	sipp := tool.Need(t, "sipp", "sip-tester")
	s := OpenSystem(t, allUsers(12))
	mons := s.nodes["mons-node"]
	s.SIPp(sipp, "mons", "mons-node", waiting("mons", 6))
	local := make([]SIPpPhone, 5)
	for i, u := range numbered("mons", 12)[7:] {
		local[i] = SIPpPhone{User: u, Target: numbered("mons", 5)[i], Calls: 1000, Callee: i % 2}
	}
	callers := s.SIPp(sipp, "mons", "mons-node", local)
	outside := []*Deskphone{s.Deskphone("hq", "laurel", "hq000"), s.Deskphone("hq", "hardy", "hq001"), s.Deskphone("namur", "namur-node", "namur000")}
	everybody := slices.Concat(numbered("mons", 6), numbered("mons", 12)[7:], []string{"hq000", "hq001", "namur000"})
	s.know(everybody, 10*time.Second)
	calls := group{callers: local}
	calls.goOn(t, 1)
	for _, p := range outside {
		p.reaches("mons005")
	}

	for _, cut := range []struct {
		how        string
		cut, mends func()
	}{
		{"silently", s.lines["mons"].Cut, s.lines["mons"].Mend},
		{"by taking the link down", s.lines["mons"].Unplug, s.lines["mons"].Plug},
	} {
		t.Logf("the line to mons is cut %s", cut.how)
		cut.cut()
		began := time.Now()
		told := areTold(outside, "mons005")
		eventually(t, "mons is survivable", 10*time.Second-time.Since(began), func() bool { return mons.status().Mode == "survivable" })
		t.Logf("survivable after %v", time.Since(began))
		told()
		areTold(outside, "mons005")()
		calls.goOn(t, 2)

		cut.mends()
		began = time.Now()
		eventually(t, "mons is with the others again", 15*time.Second, func() bool { return mons.status().Mode == "cluster" })
		t.Logf("with the others again after %v", time.Since(began))
		s.know(everybody, 15*time.Second-time.Since(began))
		for _, p := range outside {
			p.reaches("mons005")
		}
		calls.goOn(t, 2) // so none of their calls failed: after that SIPp would have ended the phone
	}
}

// reaches calls somebody who answers.
func (p *Deskphone) reaches(user string) {
	p.tb.Helper()
	if status, after, err := p.Calls(user); status != 200 || err != nil {
		p.tb.Errorf("%s calls %s: got %d, %v after %v, want 200", p.user, user, status, err, after)
	}
}

// areTold lets phones call somebody who cannot be reached, all at once. The
// function it returns waits, and checks that each is told soon.
func areTold(phones []*Deskphone, user string) (wait func()) {
	checks := make([]func(), len(phones))
	for i, p := range phones {
		done := make(chan struct{})
		var status int
		var after time.Duration
		var err error
		go func() {
			defer close(done)
			status, after, err = p.Calls(user)
		}()
		checks[i] = func() {
			<-done
			p.tb.Logf("%s calls %s: %d after %v", p.user, user, status, after)
			if err != nil || status < 400 || after > 4*time.Second {
				p.tb.Errorf("%s calls %s over a line that is cut: got %d, %v after %v, want a refusal within 4 s", p.user, user, status, err, after)
			}
		}
	}
	return func() {
		for _, check := range checks {
			check()
		}
	}
}

// know waits until each node says of each of these users that one phone of his
// is registered and up, and of nobody else.
func (s *System) know(users []string, within time.Duration) {
	s.tb.Helper()
	want := slices.Sorted(slices.Values(users))
	deadline := time.Now().Add(within)
	for name, n := range s.nodes {
		var got []string
		for {
			got = n.users()
			if slices.Equal(got, want) {
				break
			}
			if time.Now().After(deadline) {
				s.tb.Fatalf("phones that %s knows:\ngot  %s\nwant %s", name, strings.Join(got, " "), strings.Join(want, " "))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// users are those of all registered phones that are up; none when a node does
// not answer.
func (n *Node) users() []string {
	n.tb.Helper()
	if n.run("registrations") != nil {
		return nil // not all nodes answered
	}
	var rows []admin.Registration
	n.Ask("registrations", &rows)
	var up []string
	for _, r := range rows {
		if r.State == "up" {
			up = append(up, r.User)
		} else {
			up = append(up, r.User+"-down")
		}
	}
	slices.Sort(up)
	return up
}
