package lab

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/lab/extension"
	"carillon/test/tool"
)

var wholeOutages = flag.Bool("outages", false, "have all outages, each as long and with as many phones as the goals say")

// TestOutage is what happens to phones and calls of a branch in an outage, and
// after it. Four short ones are in every run of all tests;
//
//	go run ./test/outages
//
// has all of them three times.
func TestOutage(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	for _, o := range outages() {
		if !o.fast && !*wholeOutages {
			continue
		}
		t.Run(o.homing+"/"+o.name, func(t *testing.T) {
			t.Parallel()
			p := quickly()
			if *wholeOutages {
				p = fully()
			}
			x := o.begin(t, p)
			x.strikes()
			x.heals()
			x.ends()
		})
	}
	if !*wholeOutages {
		return
	}
	for name, happens := range map[string]func(*testing.T){"mains-killed/eight-sites": eightSites, "line-cut/names": namesInACut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			happens(t)
		})
	}
}

// A struckSite is a branch in an outage: phones that look after themselves, calls
// that are up, and calls that are made all the time.
type struckSite struct {
	*System
	outage
	pace

	t      *testing.T
	ctx    context.Context //nolint:containedctx // of all that the phones do
	users  []string
	phones []*extension.Phone
	talks  []talking
	tally  *tally
	afar   []*extension.Phone // at the head office
	home   string             // the node that the phones of the site prefer
	real   bool               // there is a baresip beside them, called bare
	load   int                // bytes a second that the line carried before
	late   []string
	began  time.Time
}

// A talking is a call that is up between two phones.
type talking struct {
	call  *extension.Call
	other *extension.Phone
}

const (
	talkers  = 20     // calls that are up
	byItself = "bare" // the user of the baresip
)

func (o outage) begin(t *testing.T, p pace) *struckSite {
	t.Helper()
	users := numbered(struck, p.phones)
	x := &struckSite{
		System: OpenSystem(t, twoMains(), slices.Concat(users, numbered("late", 1), numbered("hq", 2), []string{byItself})),
		outage: o, pace: p, t: t, ctx: t.Context(), users: users, tally: newTally(t),
	}
	x.prefers(o.homing)
	if o.line != nil {
		o.line(x.lines[struck])
	}
	x.phones = x.goOn(struck, users...)
	if x.real = o.wan && o.homing == mainFirst; x.real {
		x.BaresipByName(tool.Need(t, "baresip", "baresip-core"), struck, byItself, x.resolvers(struck))
	}
	eventually(t, "all phones are registered", 2*time.Minute, func() bool { return len(x.nodes["laurel"].lacks(users)) == 0 })
	for i := range talkers {
		caller, other := x.phones[i], x.phones[talkers+i]
		call, err := caller.Calls(x.ctx, other.User())
		if err != nil {
			t.Fatal(err)
		}
		x.talks = append(x.talks, talking{call, other})
	}
	x.tally.call(x.ctx, x.phones[2*talkers:])
	time.Sleep(3 * time.Second)
	x.load = x.carries(p.before)
	x.figure("memory of the LifeGUARD", float64(x.nodes[homes[struck]].Resident())/1e6, 64, "MB")
	return x
}

// goOn starts phones that look after themselves until the test ends. Whole crowds
// begin within the time of a refresh, as after a working day they stand to each other.
func (x *struckSite) goOn(site string, users ...string) []*extension.Phone {
	x.t.Helper()
	phones := x.Extensions(site, users...)
	for i, p := range phones {
		go func() {
			if *wholeOutages {
				time.Sleep(time.Duration(i) * 30 * time.Second / time.Duration(len(phones)))
			}
			if err := p.Run(x.ctx); err != nil {
				x.t.Error(err)
			}
		}()
	}
	return phones
}

// carries returns how many bytes a second the line carries, both ways.
func (x *struckSite) carries(during time.Duration) int {
	before := x.lines[struck].IPBytes()
	time.Sleep(during)
	return int(float64(x.lines[struck].IPBytes()-before) / during.Seconds())
}

func (x *struckSite) figure(what string, got, goal float64, unit string) {
	x.t.Helper()
	if !tool.Figure(x.t, what, got, goal, unit) {
		x.t.Errorf("%s: got %v %s, want at most %v", what, got, unit, goal)
	}
}

// none is a figure that must be 0 now; in a short outage, soon.
func (x *struckSite) none(what string, count func() int) {
	x.t.Helper()
	if !*wholeOutages {
		eventually(x.t, "no "+what, time.Minute, func() bool { return count() == 0 })
	}
	x.figure(what, float64(count()), 0, "")
}

// seconds is a figure of how long something took: in a short outage, on a machine
// that does other things as well, it is told alone.
func (x *struckSite) seconds(what string, took time.Duration, goal float64) {
	x.t.Helper()
	if *wholeOutages {
		x.figure(what, took.Seconds(), goal, "s")
		return
	}
	tool.Figure(x.t, what, took.Seconds(), goal, "s")
}

// strikes has the fault happen, and watches until it is over.
func (x *struckSite) strikes() {
	x.t.Helper()
	x.began = time.Now()
	calls := x.tally.watch.Took()
	x.outage.strikes(x.System)
	moved := x.moves()
	time.Sleep(x.lasts / 2)
	x.goOn(struck, "late000") // at the branch
	x.goOn("hq", "hq000")     // and at the other end of the line
	x.late = []string{"late000", "hq000"}
	time.Sleep(time.Until(x.began.Add(x.lasts)))
	moved()

	n := x.nodes[x.asked]
	x.none(fmt.Sprintf("lost registrations, as %s says after %v", n.name, x.lasts), func() int { return len(n.lacks(x.users)) })
	lost, gap := x.tally.since(calls)
	if x.wan && x.homing == localFirst {
		x.figure("local calls lost", float64(lost), 0, "")
		x.seconds("longest time without an answered call", gap, 0.5)
	} else {
		x.t.Logf("local calls lost: %d; longest time without an answered call: %.1f s", lost, gap.Seconds())
	}
	x.seconds("longest time without a server, from the transaction that showed it", x.longest(), 10)
}

// moves watches the baresip until it is registered where it can be reached. The
// function that it returns says when that was; a short outage may end before.
func (x *struckSite) moves() (said func()) {
	if !x.real {
		return func() {}
	}
	after := make(chan time.Duration, 1)
	go func() {
		for ; time.Since(x.began) < x.lasts; time.Sleep(500 * time.Millisecond) {
			for _, r := range x.nodes[x.asked].knows(byItself) {
				if r.State == "up" && r.Node != x.first {
					after <- time.Since(x.began)
					return
				}
			}
		}
		after <- time.Since(x.began)
	}()
	return func() {
		x.t.Helper()
		goal := 60.0 // what it was granted
		if x.silent {
			goal += 32 // RFC 3261, Timer F
		}
		if took := <-after; took < x.lasts || goal <= x.lasts.Seconds() {
			x.seconds("until baresip is registered again", took, goal)
		}
	}
}

func (x *struckSite) longest() (longest time.Duration) {
	for _, p := range x.phones {
		longest = max(longest, p.Longest())
	}
	return longest
}

// heals ends the fault, and watches until all is as before.
func (x *struckSite) heals() {
	x.t.Helper()
	healed := time.Now()
	x.outage.heals(x.System)
	caller := x.goOn("hq", "hq001")[0]
	ctx, cancel := context.WithTimeout(x.ctx, 60*time.Second)
	defer cancel()
	for {
		_, err := caller.Calls(ctx, x.users[1])
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			x.t.Fatalf("a call from the head office does not reach the site: %v", err)
		}
	}
	x.seconds("calls from the head office reach the site", time.Since(healed), 15)
	x.calmsDown(healed)
	all := slices.Concat(x.late, x.users)
	x.none("registrations of both sides that are missing after it", func() int { return len(x.nodes["laurel"].lacks(all)) })
	x.none("phones with two registrations", x.nodes["laurel"].twice)
}

// calmsDown watches the line after the return. Its load is the mean of a quarter of a
// minute: phones refresh when they do.
func (x *struckSite) calmsDown(healed time.Time) {
	x.t.Helper()
	const window, together = 5 * time.Second, 3
	var windows []int
	most, settled := 0, time.Duration(0)
	for time.Since(healed) < x.back {
		windows = append(windows, x.carries(window))
		most = max(most, windows[len(windows)-1])
		sum := 0
		for _, w := range windows[max(0, len(windows)-together):] {
			sum += w
		}
		if sum/min(together, len(windows)) > x.load*6/5+300 { // an idle line carries less than that
			settled = time.Since(healed)
		}
	}
	x.t.Logf("the line carried %d B/s before; since the return, each %v: %d", x.load, window, windows)
	if x.line == nil {
		x.figure("most that the line carries after the return, of the 250 kB/s of both ways", float64(most)/1000, 125, "kB/s")
		x.seconds("the line's load is within 20 % of before", settled, 60)
	}
}

// ends has the calls end that were up all the time.
func (x *struckSite) ends() {
	x.t.Helper()
	dropped := 0
	for _, c := range x.talks {
		if err := c.call.HangsUp(x.ctx, c.other); err != nil {
			x.t.Log(err)
			dropped++
		}
	}
	x.figure("calls dropped that were up", float64(dropped), 0, "")
	for why, n := range x.tally.reasons() {
		x.t.Logf("%d × %s", n, why)
	}
	x.t.Logf("%d calls answered in all", x.tally.count())
}

// prefers has the branch's phones prefer its own node, or the mains.
func (s *System) prefers(homing string) {
	s.tb.Helper()
	if out, err := s.edits("laurel", func(text string) string {
		return strings.Replace(text, "- name: "+struck+"\n", "- name: "+struck+"\n    homing: "+homing+"\n", 1)
	}); err != nil {
		s.tb.Fatalf("%v: %s", err, out)
	}
	want := map[string]string{localFirst: "mons-node laurel hardy", mainFirst: "laurel hardy mons-node"}[homing]
	eventually(s.tb, "phones of the branch are told "+want, 10*time.Second, func() bool { return s.servers(struck) == want })
}

// lacks returns which of these users have no phone that is up, as a node says that
// may not reach all others.
func (n *Node) lacks(users []string) []string {
	n.tb.Helper()
	up := map[string]bool{}
	for _, r := range n.knows() {
		up[r.User] = up[r.User] || r.State == "up"
	}
	return slices.DeleteFunc(slices.Clone(users), func(u string) bool { return up[u] })
}

// knows are the registrations that a node knows of, of all or of one user, though
// other nodes may not answer.
func (n *Node) knows(user ...string) (rows []admin.Registration) {
	out, _ := n.command(append([]string{"registrations", "-o", "json"}, user...)...).Output() // exit code 3: not all have answered
	_ = json.Unmarshal(out, &rows)
	return rows
}

// twice returns how many users have two phones.
func (n *Node) twice() (twice int) {
	n.tb.Helper()
	count := map[string]int{}
	for _, r := range n.knows() {
		if count[r.User]++; count[r.User] == 2 {
			twice++
		}
	}
	return twice
}
