package lab

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"carillon/test/tool"
)

// lampsAtEverySite: panels at four nodes of three sites have a lamp for each phone
// everywhere. They are told of every change once, and soon; they are right soon after
// a line was cut, and after their own node was killed. With CARILLON_LAMPS=100 there
// are a hundred rounds of calls where here are two, and ten cuts where here is one:
//
//	CARILLON_LAMPS=100 go test -timeout 30m -v -run TestConverges/LampsAtEverySite ./test/lab
func lampsAtEverySite(s *System) {
	rounds, err := strconv.Atoi(os.Getenv("CARILLON_LAMPS"))
	if err != nil {
		rounds = 2
	}
	l := openLamps(s)
	l.tellsOnce(rounds)
	for i := range max(1, rounds/10) {
		l.afterACut(i)
	}
	l.afterAKill()
	for _, p := range l.panels {
		for _, complaint := range p.complaints() {
			s.tb.Error(complaint)
		}
	}
}

// A lamps is a system with panels, and phones that call each other.
type lamps struct {
	*System

	panels []*panel
	phones map[string][]*Deskphone // five at each site
	lit    map[string]string       // what every lamp has to show, by user; dark ones are not there
	told   map[string]int          // how many changes there were, by user
	took   []time.Duration         // until a panel at another node was told
}

// lampUsers are those of the panels, by their nodes, and of the phones.
func lampUsers() (all []string) {
	for _, node := range panelsAt() {
		all = append(all, "panel-"+node)
	}
	return append(all, allUsers(5)...)
}

// panelsAt are the nodes that have one; at the head office the phones are at one of two.
func panelsAt() []string { return []string{"laurel", "hardy", "mons-node", "namur-node"} }

func openLamps(s *System) *lamps {
	s.tb.Helper()
	users := allUsers(5)
	l := &lamps{System: s, phones: map[string][]*Deskphone{}, lit: map[string]string{}, told: map[string]int{}}
	for _, lan := range lans {
		for _, u := range numbered(lan.site, 5) {
			l.phones[lan.site] = append(l.phones[lan.site], s.Deskphone(lan.site, homes[lan.site], u))
		}
	}
	s.knowAmongOthers(users, 20*time.Second)
	for _, node := range panelsAt() {
		l.panels = append(l.panels, s.panel(s.nodes[node].host.site, node, "panel-"+node, users))
	}
	l.agree("every panel is told that nobody calls")
	for _, u := range users {
		l.told[u] = 1
	}
	return l
}

// pairs are who calls whom: at each site one the other, and one a phone of the next.
func (l *lamps) pairs() (all [][2]*Deskphone) {
	for i, lan := range lans {
		here, next := l.phones[lan.site], l.phones[lans[(i+1)%len(lans)].site]
		all = append(all, [2]*Deskphone{here[0], here[1]}, [2]*Deskphone{here[2], next[3]})
	}
	return all
}

// tellsOnce has phones call, every second of which is refused, and checks that each
// panel has heard once of each change, and how soon.
func (l *lamps) tellsOnce(rounds int) {
	l.tb.Helper()
	l.refuse(l.ring(l.pairs()[:1]))
	l.tb.Logf("the first change after the phones subscribed: %v", slices.Max(l.took))
	l.took = nil // what branches now watch was under way to them
	for i := range rounds {
		talks := l.ring(l.pairs())
		if i%2 == 0 {
			l.refuse(talks)
		} else {
			l.answer(talks)
			l.hangUp(talks)
		}
	}
	for _, p := range l.panels {
		for u, want := range l.told {
			if got := p.changes(u); got != want {
				l.tb.Errorf("%s was told of %s: got %d, want %d: %v", p.phone.user, u, got, want, p.told(u))
			}
		}
	}
	slices.Sort(l.took)
	count := len(l.took)
	p50, p99 := l.took[count/2], l.took[(count*99+99)/100-1]
	l.tb.Logf("%d changes that panels at other nodes are told of: p50 %v, p99 %v, max %v", count, p50, p99, l.took[count-1])
	if p50 < distance {
		l.tb.Errorf("panels are told after %v, but the line takes %v", p50, distance)
	}
	tool.Figure(l.tb, "a lamp at another node, p99", p99.Seconds(), 1, "s")
}

// afterACut has calls begin and end at both ends of a line that is cut, one of them
// across it, which both sides end without hearing each other.
func (l *lamps) afterACut(turn int) {
	l.tb.Helper()
	l.isWhole(time.Minute) // after the cut before
	line, node, mons, hq := l.lines["mons"], l.nodes["mons-node"], l.phones["mons"], l.phones["hq"]
	cut, mend, how := line.Cut, line.Mend, "silently"
	if turn%2 == 1 {
		cut, mend, how = line.Unplug, line.Plug, "by taking the link down"
	}
	old := l.ring([][2]*Deskphone{{mons[0], mons[1]}, {hq[0], hq[1]}, {mons[4], hq[4]}})
	l.answer(old)
	cut()
	node.eventually("it is alone", 20*time.Second, func() bool { return node.status().Mode == "survivable" })
	l.all(old[:2], func(k *Talk) error { return k.ends(true) })
	l.all(old[2:], func(k *Talk) error {
		_, err := k.caller.hangsUp()
		_, other := k.callee.hangsUp()
		return errors.Join(err, other)
	})
	recent, _ := l.begin([][2]*Deskphone{{mons[2], mons[3]}, {hq[2], hq[3]}})
	l.show(old, "", "")
	l.show(recent, "initiator early", "recipient early")
	l.waits("each node has the lamps of its own phones right", agreeAtHome)
	if agree(l.panels, l.lit) {
		l.tb.Error("all lamps are right, but the line should be cut")
	}
	began := time.Now()
	mend()
	l.agree("all panels show the same when the line is back")
	tool.Figure(l.tb, "all lamps are right after a line was cut "+how, time.Since(began).Seconds(), 5, "s")
	l.refuse(recent)
}

// agreeAtHome reports whether all panels show that of the phones of their own nodes.
func agreeAtHome(all []*panel, want map[string]string) bool {
	return !slices.ContainsFunc(all, func(p *panel) bool {
		elsewhere := func(user, _ string) bool {
			return p.phone.user != "panel-"+homes[strings.TrimRight(user, "0123456789")]
		}
		got, wanted := p.shows(), maps.Clone(want)
		maps.DeleteFunc(got, elsewhere)
		maps.DeleteFunc(wanted, elsewhere)
		return !maps.Equal(got, wanted)
	})
}

// afterAKill kills the node of a panel, which goes to another node, and comes back.
// Calls at the node are as they were as long as nobody can know better.
func (l *lamps) afterAKill() {
	l.tb.Helper()
	p, node, mons, hq := l.panels[2], l.nodes["mons-node"], l.phones["mons"], l.phones["hq"]
	talks := l.ring([][2]*Deskphone{{mons[0], mons[1]}, {hq[0], hq[1]}})
	l.answer(talks)
	node.kill()
	began := time.Now()
	p.moves(l.nodes["namur-node"])
	l.agree("lamps are right at another node")
	tool.Figure(l.tb, "lamps are right at another node after kill -9, since the phone registers", time.Since(began).Seconds(), 5, "s")
	l.hangUp(talks[1:])
	recent := l.ring([][2]*Deskphone{{hq[2], hq[3]}})
	node.start(node.flags...)
	began = time.Now()
	p.moves(node)
	l.show(talks, "", "")
	l.agree("lamps are right at the node that was started again")
	tool.Figure(l.tb, "lamps are right at a node that was started again, since the phone registers", time.Since(began).Seconds(), 5, "s")
	l.refuse(recent)
}

// ring has phones call each other and ring.
func (l *lamps) ring(pairs [][2]*Deskphone) (talks []*Talk) {
	l.tb.Helper()
	talks, since := l.begin(pairs)
	l.changes(since, talks, "initiator early", "recipient early")
	return talks
}

// begin is ring, but does not wait for lamps; it returns since when each call rings.
func (l *lamps) begin(pairs [][2]*Deskphone) (talks []*Talk, since []time.Time) {
	l.tb.Helper()
	for range pairs {
		talks = append(talks, new(Talk))
	}
	since = make([]time.Time, len(pairs))
	var all sync.WaitGroup
	for i, p := range pairs {
		all.Go(func() {
			caller, err := p[0].invites(p[1].user)
			if err == nil {
				talks[i].caller = caller
				talks[i].callee, err = p[1].rings()
				since[i] = time.Now()
			}
			if err != nil {
				l.tb.Error(err)
			}
		})
	}
	all.Wait()
	if l.tb.Failed() {
		l.tb.FailNow()
	}
	return talks, since
}

func (l *lamps) refuse(talks []*Talk) {
	l.tb.Helper()
	since := slices.Repeat([]time.Time{time.Now()}, len(talks))
	l.all(talks, func(k *Talk) error { return k.callee.phone.send(k.callee.response(486, "Busy Here")) })
	l.all(talks, func(k *Talk) error { _, err := k.caller.answered(); return err })
	l.changes(since, talks, "", "")
}

func (l *lamps) answer(talks []*Talk) {
	l.tb.Helper()
	since := slices.Repeat([]time.Time{time.Now()}, len(talks))
	l.all(talks, func(k *Talk) error { return k.callee.answers() })
	l.all(talks, func(k *Talk) error { _, err := k.caller.answered(); return err })
	l.all(talks, func(k *Talk) error { _, err := k.callee.sees("ACK"); return err })
	l.changes(since, talks, "initiator confirmed", "recipient confirmed")
}

func (l *lamps) hangUp(talks []*Talk) {
	l.tb.Helper()
	since := slices.Repeat([]time.Time{time.Now()}, len(talks))
	l.all(talks, func(k *Talk) error { return k.ends(true) })
	l.changes(since, talks, "", "")
}

func (l *lamps) all(talks []*Talk, do func(k *Talk) error) {
	l.tb.Helper()
	var all sync.WaitGroup
	for _, k := range talks {
		all.Go(func() {
			if err := do(k); err != nil {
				l.tb.Error(err)
			}
		})
	}
	all.Wait()
}

// changes waits until all lamps of those who talk show that, and remembers how long
// each took that is at another node.
func (l *lamps) changes(since []time.Time, talks []*Talk, caller, callee string) {
	l.tb.Helper()
	l.show(talks, caller, callee)
	l.agree("lamps show " + caller + " and " + callee)
	for i, k := range talks {
		for _, end := range []*Side{k.caller, k.callee} {
			l.told[end.phone.user]++
			for _, p := range l.panels {
				if p.phone.conn.Remote().Addr() != end.phone.conn.Remote().Addr() {
					all := p.told(end.phone.user)
					l.took = append(l.took, all[len(all)-1].at.Sub(since[i]))
				}
			}
		}
	}
	pauseABit()
}

// show sets what lamps have to show.
func (l *lamps) show(talks []*Talk, caller, callee string) {
	for _, k := range talks {
		l.lit[k.caller.phone.user], l.lit[k.callee.phone.user] = caller, callee
	}
	maps.DeleteFunc(l.lit, func(_, shows string) bool { return shows == "" })
}

// agree waits until all panels show what they have to.
func (l *lamps) agree(what string) {
	l.tb.Helper()
	l.waits(what, agree)
}

func (l *lamps) waits(what string, is func([]*panel, map[string]string) bool) {
	l.tb.Helper()
	const grain, patience = 2 * time.Millisecond, 30 * time.Second
	for began := time.Now(); !is(l.panels, l.lit); time.Sleep(grain) {
		if time.Since(began) < patience {
			continue
		}
		for _, p := range l.panels {
			l.tb.Logf("%s shows %v", p.phone.user, p.shows())
		}
		l.tb.Fatalf("not within %v: %s: want %v", patience, what, l.lit)
	}
}
