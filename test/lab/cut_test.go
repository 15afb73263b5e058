package lab

import (
	"slices"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestBranchGoesOnAlone: a branch's line is cut, once silently and once so that
// its router says it. The branch notices, its own calls go on all the while and
// its phones register, who calls it from outside is told soon, and when the line
// is back all is as before.
func TestBranchGoesOnAlone(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	b := openBranch(t)
	for _, c := range []struct {
		how        string
		cut, mends func()
	}{
		{"silently", b.lines["mons"].Cut, b.lines["mons"].Mend},
		{"by taking the link down", b.lines["mons"].Unplug, b.lines["mons"].Plug},
	} {
		t.Logf("the line to mons is cut %s", c.how)
		began := time.Now()
		c.cut()
		b.isAlone(t, c.how, began)
		began = time.Now()
		c.mends()
		b.isBack(t, c.how, began)
	}
	complainOfNothing(t, b.sipp...)
}

// A branch is mons, whose phones call each other all the time, and phones that
// call it from outside.
type branch struct {
	*System

	node    *Node
	calls   group
	sipp    []*SIPp
	outside []*Deskphone
	quiet   *Deskphone // registered once, before
	users   []string   // of all phones
	phones  []string   // as each node knew them when the line was last up
}

func openBranch(t *testing.T) *branch {
	t.Helper()
	sipp := tool.Need(t, "sipp", "sip-tester")
	s := OpenSystem(t, twoMains(), slices.Concat(allUsers(12), numbered("late", 2)))
	local := make([]SIPpPhone, 5)
	for i, u := range numbered("mons", 12)[7:] {
		local[i] = SIPpPhone{User: u, Target: numbered("mons", 5)[i], Calls: 1000, Callee: i % 2}
	}
	called, calling := s.SIPp(sipp, "mons", "mons-node", waiting("mons", 6)), s.SIPp(sipp, "mons", "mons-node", local)
	b := &branch{
		System: s, node: s.nodes["mons-node"], sipp: []*SIPp{called, calling}, calls: group{calling: local},
		outside: []*Deskphone{s.Deskphone("hq", "laurel", "hq000"), s.Deskphone("hq", "hardy", "hq001"), s.Deskphone("namur", "namur-node", "namur000")},
		quiet:   s.Deskphone("mons", "mons-node", "mons006"),
		users:   slices.Concat(numbered("mons", 12), []string{"hq000", "hq001", "namur000"}),
	}
	s.know(b.users, 10*time.Second)
	b.phones = b.node.phones(b.users)
	b.calls.goOn(t, 1)
	b.isReached()
	return b
}

// isReached has everybody outside call a phone of the branch, and one of them the
// quiet one.
func (b *branch) isReached() {
	b.tb.Helper()
	for _, p := range b.outside {
		p.reaches("mons005")
	}
	if err := b.outside[0].talksTo(b.quiet).ends(false); err != nil {
		b.tb.Error(err)
	}
}

// isAlone checks what the branch does from when its line is cut.
func (b *branch) isAlone(t *testing.T, how string, began time.Time) {
	t.Helper()
	told, servers := areTold(b.outside, "mons005"), b.servers("mons")
	eventually(t, "mons is survivable", 10*time.Second-time.Since(began), func() bool { return b.node.status().Mode == "survivable" })
	tool.Figure(t, "a line cut "+how+" is noticed", time.Since(began).Seconds(), 10, "s")
	if got := b.servers("mons"); got != servers {
		t.Errorf("servers that phones are told while the branch is alone: got %q, want them as before, %q", got, servers)
	}
	told()
	told = areTold(b.outside, "mons005")
	late := b.Deskphone("mons", "mons-node", numbered("late", 2)[len(b.users)-15])
	for _, byCaller := range []bool{true, false} {
		if err := b.quiet.talksTo(late).ends(byCaller); err != nil {
			t.Errorf("a call to a phone that registered while the branch is alone: %v", err)
		}
	}
	b.calls.goOn(t, 2)
	told()
	b.users = append(b.users, late.user)
}

// isBack checks what the system does from when the line is back.
func (b *branch) isBack(t *testing.T, how string, began time.Time) {
	t.Helper()
	const within = 15 * time.Second
	eventually(t, "mons is with the others again", within, func() bool { return b.node.status().Mode == "cluster" })
	tool.Figure(t, "back after a line cut "+how, time.Since(began).Seconds(), within.Seconds(), "s")
	b.know(b.users, within-time.Since(began))
	earlier := b.users[:len(b.phones)] // all but who has registered meanwhile
	for name, n := range b.nodes {
		if got := n.phones(earlier); !slices.Equal(got, b.phones) {
			t.Errorf("phones that %s knows:\ngot  %q\nwant %q", name, got, b.phones)
		}
	}
	b.phones = b.node.phones(b.users)
	b.isReached()
	b.calls.goOn(t, 1)
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
