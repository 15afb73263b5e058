package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/lab/extension"
)

const (
	lossLasts  = 40 * time.Second // each phone has a transaction meanwhile
	lossSettle = 45 * time.Second // after which all is as before
	losses     = 5                // of each kind: a silence is heard 3 to 8 s after it began, by chance
)

// TestOutageRehearsed compares drills with real cuts of the same line, in turn: what
// the site, its phones and their calls notice is the same, and the same that the
// drill tells. It is one of what
//
//	go run ./test/outages drill
//
// prints, and takes a quarter of an hour.
func TestOutageRehearsed(t *testing.T) {
	if Elsewhere(t) || !*wholeOutages {
		return
	}
	for _, homing := range []string{localFirst, mainFirst} {
		t.Run(homing+"/drill", func(t *testing.T) {
			t.Parallel()
			o := outage{name: "drill", homing: homing, asked: homes[struck], silent: true}
			x := o.begin(t, pace{phones: 60, before: 5 * time.Second})
			x.afar = x.goOn("hq", "hq000", "hq001")
			x.home = map[string]string{localFirst: homes[struck], mainFirst: x.first}[homing]
			x.isHome(time.Now())
			var cuts, drills []loss
			for range losses {
				cuts = append(cuts, x.loses(x.isCut))
				drill, told := x.rehearses()
				drills = append(drills, x.loses(drill))
				x.isSeen(<-told, drills[len(drills)-1])
			}
			x.compare(cuts, drills)
			x.abort()
		})
	}
}

// A loss is what one loss of the line was like, real or not; times in seconds.
type loss struct {
	alone, back float64 // until the node of the site was alone, and with the others again
	home        float64 // until half of the phones were home again
	gap         float64 // without an answered call between phones of the site
	silence     float64 // without a server, that a phone had
	ended       float64 // of the calls that were up, those that nobody could end in the end
	missing     float64 // phones that the node of the site did not have in the end
}

// A measure is one figure of a loss.
type measure struct {
	what, unit string
	of         func(loss) float64
	first      bool // is one of phones that prefer the site's node; of others it is by chance
}

func measures() []measure {
	return []measure{
		{"time to survivable", "s", func(l loss) float64 { return l.alone }, false},
		{"time to return", "s", func(l loss) float64 { return l.back }, false},
		{"half of the phones are home again", "s", func(l loss) float64 { return l.home }, true},
		{"longest time without an answered call", "s", func(l loss) float64 { return l.gap }, true},
		{"longest time without a server", "s", func(l loss) float64 { return l.silence }, false},
		{"calls lost", "", func(l loss) float64 { return l.ended }, false},
		{"registrations lost", "", func(l loss) float64 { return l.missing }, false},
	}
}

// compare prints the medians of each figure, and how far they are apart.
func (x *struckSite) compare(cuts, drills []loss) {
	x.t.Helper()
	for _, m := range measures() {
		goal := 2.0
		if m.unit == "" {
			goal = 0
		}
		cut, drill := median(cuts, m.of), median(drills, m.of)
		x.t.Logf("%s: a cut %.2f of %.2f, a drill %.2f of %.2f", m.what, cut, all(cuts, m.of), drill, all(drills, m.of))
		if m.first && x.homing != localFirst {
			continue
		}
		x.figure(m.what+": how far a drill is from a cut", max(cut-drill, drill-cut), goal, m.unit)
	}
}

func all(of []loss, f func(loss) float64) (found []float64) {
	for _, l := range of {
		found = append(found, f(l))
	}
	return found
}

func median(of []loss, f func(loss) float64) float64 {
	sorted := slices.Sorted(slices.Values(all(of, f)))
	return sorted[len(sorted)/2]
}

// A losing has the line be lost for a while, and says from when to when.
type losing func(l *loss) (began, ended time.Time)

// loses has calls be up, has the line be lost, and watches until all is as before.
func (x *struckSite) loses(line losing) (l loss) {
	x.t.Helper()
	for i := range x.afar { // over the line, too
		call, err := x.afar[i].Calls(x.ctx, x.phones[i].User())
		if err != nil {
			x.t.Fatal(err)
		}
		x.talks = append(x.talks, talking{call, x.phones[i]})
	}
	for _, p := range slices.Concat(x.phones, x.afar) {
		p.Forgets()
	}
	calls := x.tally.watch.Took()
	began, ended := line(&l)
	l.home = x.isHome(ended).Seconds()
	time.Sleep(time.Until(ended.Add(lossSettle)))
	_, gap := x.tally.since(calls)
	l.gap, l.silence = gap.Seconds(), x.longest().Seconds()
	l.alone = x.event("goes on alone", began).Sub(began).Seconds()
	l.back = x.event("is back with", ended).Sub(ended).Seconds()
	far := x.talks[len(x.talks)-len(x.afar):]
	for _, c := range far {
		if err := c.call.HangsUp(x.ctx, c.other); err != nil {
			x.t.Log(err)
			l.ended++
		}
	}
	x.talks = x.talks[:len(x.talks)-len(far)]
	x.t.Logf("%+v", l)
	return l
}

// isCut cuts the line.
func (x *struckSite) isCut(l *loss) (began, ended time.Time) {
	began = time.Now()
	x.cutsLine()
	time.Sleep(time.Until(began.Add(lossLasts - time.Second)))
	l.missing = float64(len(x.nodes[x.asked].lacks(x.users)))
	time.Sleep(time.Until(began.Add(lossLasts)))
	x.mendsLine()
	return began, time.Now()
}

// rehearses does the same by a drill, which tells how it went.
func (x *struckSite) rehearses() (line losing, told chan admin.Drill) {
	told = make(chan admin.Drill, 1)
	return func(l *loss) (began, ended time.Time) {
		x.t.Helper()
		asked := time.Now()
		cmd := x.nodes[x.first].command("drill", "site", struck, "--for", lossLasts.String(), "--yes", "-o", "json")
		go func() { told <- drilled(x.t, cmd) }()
		time.Sleep(lossLasts)
		l.missing = float64(len(x.nodes[x.asked].lacks(x.users)))
		began, ended = x.event("is as if cut", asked), x.event("the drill is over", asked)
		x.figure("how far the length of a drill is from what was asked for", (ended.Sub(began) - lossLasts).Abs().Seconds(), 1, "s")
		return began, ended
	}, told
}

// isSeen compares what a drill tells with what was seen.
func (x *struckSite) isSeen(told admin.Drill, seen loss) {
	x.t.Helper()
	if len(told.Nodes) == 0 || told.Nodes[0].Alone == nil || told.Nodes[0].Back == nil {
		x.t.Fatalf("the drill tells %+v", told)
	}
	one := told.Nodes[0]
	off := func(what string, told, seen, goal float64, unit string) {
		x.t.Helper()
		x.figure(what+": how far what a drill tells is from what is seen", max(told-seen, seen-told), goal, unit)
	}
	off("time to survivable", *one.Alone, seen.alone, 1, "s")
	off("time to return", *one.Back, seen.back, 1, "s")
	lost := 0
	for _, n := range told.Nodes {
		lost += n.Lost + n.BeyondLost
	}
	off("calls lost", float64(lost), seen.ended, 0, "")
	off("registrations", float64(one.Phones), float64(len(x.users)), 0, "")
	off("registrations lost", float64(one.Dropped), seen.missing, 0, "")
	x.t.Logf("the drill tells %+v", told)
}

// abort ends drills in every way in which they may end early, and measures how long
// that takes.
func (x *struckSite) abort() {
	x.t.Helper()
	main, site := x.nodes[x.first], x.nodes[homes[struck]]
	for _, end := range []struct {
		how string
		act func(command *exec.Cmd) error
	}{
		{"Ctrl-C", func(c *exec.Cmd) error { return c.Process.Signal(syscall.SIGINT) }},
		{"the death of the command", func(c *exec.Cmd) error { return c.Process.Kill() }},
		{"carillon drill stop at the site", func(*exec.Cmd) error { return site.run("drill", "stop") }},
		{"a call for help of a phone of the site", func(*exec.Cmd) error { x.callsForHelp(x.phones[0]); return nil }},
		{"a call for help elsewhere", func(*exec.Cmd) error { x.callsForHelp(x.afar[0]); return nil }},
	} {
		asked := time.Now()
		command := main.command("drill", "site", struck, "--for", "5m", "--yes")
		if err := command.Start(); err != nil {
			x.t.Fatal(err)
		}
		x.event("is as if cut", asked)
		time.Sleep(time.Second)
		began := time.Now()
		if err := end.act(command); err != nil {
			x.t.Error(err)
		}
		over := x.eventOf(site, "the drill is over", asked)
		for _, n := range x.nodes {
			if at := x.eventOf(n, "the drill is over", asked); at.After(over) {
				over = at
			}
		}
		_ = command.Wait() // it was killed, or has seen broken promises
		x.figure("a drill is over after "+end.how, over.Sub(began).Seconds(), 3, "s")
		x.isHome(time.Now())
	}
}

// callsForHelp has a phone call for help. There is no line to the services: what
// becomes of it is another matter.
func (x *struckSite) callsForHelp(p *extension.Phone) {
	ctx, cancel := context.WithTimeout(x.ctx, 10*time.Second)
	go func() {
		defer cancel()
		_, _ = p.Calls(ctx, "112")
	}()
}

// drilled runs a drill and returns what it tells.
func drilled(tb testing.TB, cmd *exec.Cmd) (d admin.Drill) {
	tb.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if bad := json.Unmarshal(out, &d); bad != nil {
		tb.Errorf("a drill: %v, %v\n%s%s", err, bad, out, complaints.String())
	}
	return d
}

// event returns when the node of the site has said so, after a time.
func (x *struckSite) event(says string, after time.Time) (at time.Time) {
	x.t.Helper()
	return x.eventOf(x.nodes[homes[struck]], says, after)
}

func (x *struckSite) eventOf(n *Node, says string, after time.Time) (at time.Time) {
	x.t.Helper()
	n.eventually("it is said that "+says, 30*time.Second, func() bool {
		var events []admin.Event
		n.Ask("events", &events)
		for _, e := range events {
			if e.Time.After(after) && strings.Contains(e.Text, says) && at.IsZero() {
				at = e.Time
			}
		}
		return !at.IsZero()
	})
	return at
}

// isHome waits until all phones are registered where they like to be, and returns
// after how long half of them were.
func (x *struckSite) isHome(since time.Time) (half time.Duration) {
	x.t.Helper()
	eventually(x.t, "all phones are home again", 3*time.Minute, func() bool {
		time.Sleep(200 * time.Millisecond)
		there := 0
		for _, r := range x.nodes[x.first].knows() {
			if r.State == "up" && r.Node == x.home && slices.Contains(x.users, r.User) {
				there++
			}
		}
		if half == 0 && there >= len(x.users)/2 {
			half = time.Since(since)
		}
		return there >= len(x.users)
	})
	return half
}
