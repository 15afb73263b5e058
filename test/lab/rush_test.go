package lab

import (
	"errors"
	"slices"
	"testing"
	"time"

	"carillon/test/tool"
)

// A rush is phones that call each other all the time, some thirty calls per
// second: inside a site, and over the lines.
type rush struct {
	calling group
	all     []*SIPp // also those that are called
	users   []string
}

func rushUsers() []string {
	return slices.Concat(numbered("hq", 45), numbered("mons", 45), numbered("namur", 10), numbered("desk", 6))
}

// rush starts the phones of a rush; those of the head office are at these mains.
func (s *System) rush(t *testing.T, mains []string) rush {
	t.Helper()
	sipp := tool.Need(t, "sipp", "sip-tester")
	r := rush{calling: group{}, users: slices.Concat(numbered("hq", 20), numbered("mons", 20))}
	first, last := mains[0], mains[len(mains)-1]
	r.all = append(r.all, s.SIPp(sipp, "hq", first, waiting("hq", 20)), s.SIPp(sipp, "mons", homes["mons"], waiting("mons", 20)))
	s.know(r.users, 20*time.Second)
	for _, c := range []struct {
		site, node   string
		first, count int
		other        string
	}{
		{"hq", first, 20, 5, "hq"},
		{"hq", last, 25, 10, "hq"},
		{"hq", last, 35, 10, "mons"},
		{"mons", homes["mons"], 20, 15, "mons"},
		{"mons", homes["mons"], 35, 10, "hq"},
		{"namur", homes["namur"], 0, 10, "hq"},
	} {
		phones := calling(c.site, c.first, c.count, c.other)
		p := s.SIPp(sipp, c.site, c.node, phones)
		r.calling[p], r.all, r.users = phones, append(r.all, p), append(r.users, users(phones)...)
	}
	return r
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

// Talks are calls between phones that are there to stay.
type talks struct {
	tb     testing.TB
	phones []*Deskphone
	all    []*Talk
}

// talk sets up calls between phones of nodes that live on when a main is killed.
// It is on the way of some: one phone was there when its calls began, and until
// the lines are mended it passes on what two branches have to say to each other.
func (s *System) talk(killed string, mains []string) *talks {
	s.tb.Helper()
	hq, other := s.Deskphone("hq", mains[0], "desk000"), s.Deskphone("hq", mains[len(mains)-1], "desk001")
	mons, namur := s.Deskphone("mons", homes["mons"], "desk002"), s.Deskphone("namur", homes["namur"], "desk003")
	moves := s.Deskphone("hq", killed, "desk004")
	x := &talks{tb: s.tb, phones: []*Deskphone{hq, other, mons, namur, moves}}
	s.knowAmongOthers(x.users(), 20*time.Second)
	x.between(hq, mons)
	x.between(hq, other)
	x.between(moves, mons)
	x.between(namur, moves)
	moves.connects(s.nodes[mains[0]])
	for _, n := range s.nodes {
		n.eventually("a phone has moved to "+mains[0], 5*time.Second, func() bool { return n.finds(moves.user, mains[0]) })
	}
	s.keepApart(s.lines["mons"], s.lines["namur"])
	x.between(mons, namur)
	x.between(namur, mons)
	for _, from := range []string{homes["mons"], homes["namur"]} {
		s.tb.Logf("the way from %s to another branch goes through %s", from, s.nodes[from].status().Links[0].Node)
	}
	return x
}

// between sets up two calls of one phone to another: one that the caller will
// end, and one that the callee will end.
func (x *talks) between(caller, callee *Deskphone) {
	x.tb.Helper()
	x.all = append(x.all, caller.talksTo(callee), caller.talksTo(callee))
}

func (x *talks) users() []string {
	var all []string
	for _, p := range x.phones {
		all = append(all, p.user)
	}
	return all
}

// end begins to end the calls, each second one by the callee. The function it
// returns waits until all have ended, and says what went wrong.
func (x *talks) end() (wait func()) {
	failed := make(chan error, 1)
	go func() {
		began := time.Now()
		var all []error
		for i, talk := range x.all {
			all = append(all, talk.ends(i%2 == 0))
		}
		x.tb.Logf("%d calls that were up when a main was killed have ended within %v", len(all), time.Since(began))
		failed <- errors.Join(all...)
	}()
	return func() {
		x.tb.Helper()
		if err := <-failed; err != nil {
			x.tb.Errorf("calls that were up when a main was killed:\n%v", err)
		}
	}
}
