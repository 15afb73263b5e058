package presence

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/feature"
	"carillon/sipcore/route"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// A reader is the router's side of a table of presence, and knows of phones and nodes
// nothing but that they are there.
type reader struct{ table *live.Presences }

func (r reader) PresenceOf(number string) feature.Told {
	state := r.table.Of(number)
	return feature.Told{Activity: state.First().Activity, Open: state.First().Open, Version: state.Version}
}

func (reader) OutFor(string) int { return 0 }

func (reader) TargetsOf(number string) []route.Target {
	return []route.Target{{URI: "sip:" + number}}
}

func (reader) NodesAt(string) []string     { return []string{"laurel"} }
func (reader) CallsOf(string) []route.Talk { return nil }
func (reader) Here() string                { return "laurel" }

// truth is a system of some users, each of whom is watched and has a rule for each state
// that leads to a user called after it.
type truth struct {
	*rig
	t        *testing.T
	random   *rand.Rand
	table    *live.Presences
	bindings *live.Bindings
	watcher  *phone
	read     int               // of what the watcher got
	shown    map[string]string // the last document of each user
	pipeline route.Pipeline
	settings live.Settings
	told     int
}

const people = 4 // users

func newTruth(t *testing.T, seed uint64) *truth {
	t.Helper()
	x := &truth{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), table: live.NewPresences("laurel", nil), bindings: live.NewBindings("laurel", nil),
		shown: map[string]string{}, settings: live.DefaultSettings(),
	}
	states := Availability(x.table.Of)
	x.rig = newRig(t, func(o *Options) {
		o.Packages = append(o.Packages, states)
		o.Limits.Max = 10_000 * time.Hour
	})
	c := store.Config{Domain: domain, Users: []store.User{{Number: "202"}}}
	var rules []store.Rule
	for _, s := range store.States() {
		rules = append(rules, store.Rule{State: s, To: "x-" + s})
		c.Users = append(c.Users, store.User{Number: "x-" + s})
	}
	for i := range people {
		c.Users = append(c.Users, store.User{Number: number(i), Rules: rules})
	}
	x.view = store.NewView(c)
	x.table.Watch(func(user string) { x.n.Changed(states.Name, user) })
	x.table.From(live.OfBindings(x.bindings))
	x.bindings.Watch(x.table.Touch)
	x.table.From(live.OfDialogs(x.dialogs))
	x.dialogs.Watch(x.table.Touch)
	x.pipeline = feature.All(reader{x.table}, reader{x.table}, reader{x.table}, reader{x.table})
	x.watcher = x.phone(transport.TCP, "127.0.0.2:5062")
	for i := range people {
		x.receive(x.watcher.flow, fmt.Sprintf("SUBSCRIBE sip:%[1]s@%[2]s SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5062;branch=z9hG4bK%[1]s\r\nMax-Forwards: 70\r\n"+
			"From: <sip:202@%[2]s>;tag=f\r\nTo: <sip:%[1]s@%[2]s>\r\nCall-ID: %[1]s\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:202@127.0.0.2:5062>\r\n"+
			"Event: presence\r\nExpires: 30000000\r\nContent-Length: 0\r\n\r\n", number(i), domain))
	}
	return x
}

func number(i int) string { return strconv.Itoa(300 + i) }

// notified takes what the watcher was told since it was asked before.
func (x *truth) notified() {
	x.t.Helper()
	time.Sleep(60 * time.Millisecond) // what comes together is looked at together
	x.watcher.settles()
	all := x.watcher.got()
	for _, m := range all[x.read:] {
		if !m.IsRequest() {
			continue
		}
		x.told++
		if x.shown[m.CallID()] == m.Body() {
			x.t.Errorf("%s is notified of nothing new:\n%s", m.CallID(), m.Body())
		}
		x.shown[m.CallID()] = m.Body()
	}
	x.read = len(all)
}

// differs returns in what the router does not do what the last NOTIFY of a user says.
func (x *truth) differs(user string) string {
	var doc struct {
		Tuples []struct {
			Basic string `xml:"status>basic"`
		} `xml:"tuple"`
		People []struct {
			ID    string `xml:"id,attr"`
			Inner struct {
				Text string `xml:",innerxml"`
			} `xml:"activities"`
		} `xml:"person"`
	}
	if err := xml.Unmarshal([]byte(x.shown[user]), &doc); err != nil || len(doc.Tuples) == 0 {
		return fmt.Sprintf("no document (%v): %s", err, x.shown[user])
	}
	if x.settings.Merge && len(doc.Tuples) > 1 {
		return "more than one tuple in\n" + x.shown[user]
	}
	want := user
	if doc.Tuples[0].Basic != "open" {
		want = "x-offline"
	}
	for _, p := range doc.People {
		if name, ok := strings.CutPrefix(p.Inner.Text, "<rpid:"); ok && p.ID == "p0" {
			want = "x-" + strings.TrimSuffix(name, "/>")
		}
	}
	callee, _ := x.view.User(user)
	ring, _ := x.pipeline.Route(&route.Call{View: x.view, Callee: callee, Number: route.Number{Kind: route.Desk}}).(route.Ring)
	if len(ring.Targets) != 1 || ring.Targets[0].URI != "sip:"+want {
		return fmt.Sprintf("the call goes to %+v, and not to %s, by\n%s", ring.Targets, want, x.shown[user])
	}
	if c := ring.Call; c != nil && c.Path[0].Version != x.table.Of(user).Version {
		return fmt.Sprintf("it says version %d, and not %d", c.Path[0].Version, x.table.Of(user).Version)
	}
	return ""
}

// happens has one thing happen to one user, or to the settings.
func (x *truth) happens() (what int) {
	user, id := number(x.random.IntN(people)), fmt.Sprint(x.random.IntN(3))
	says := live.Presence{
		User: user, ID: id, Source: pick(x.random, "web", "snomD785/10.1", "Yealink"), Open: x.random.IntN(3) > 0,
		Activity: pick(x.random, "", "away", "busy", "meeting", "vacation"), Expires: time.Duration(60+x.random.IntN(600)) * time.Second,
	}
	what = x.random.IntN(11)
	switch what {
	case 0, 1, 2:
		if _, err := x.table.Put(says, time.Now()); err != nil {
			x.t.Error(err)
		}
	case 3:
		x.table.Delete(user, id, time.Now())
	case 4:
		x.registers(user)
	case 5:
		x.bindings.FlowClosed(uint64(1 + x.random.IntN(people)))
	case 6:
		x.dialogs.Put(ringing(user, live.Early))
	case 7:
		x.dialogs.Put(ringing(user, live.Confirmed))
	case 8:
		x.dialogs.Delete(ringing(user, live.Early))
	case 9:
		for range x.random.IntN(10) {
			time.Sleep(10 * time.Second)
			x.notified() // who does not answer for half a minute watches no more
		}
		x.table.Expire(time.Now())
		x.bindings.Expire(time.Now())
	case 10:
		x.configures()
	}
	return what
}

func (x *truth) registers(user string) {
	flow, _ := strconv.ParseUint(user, 10, 64)
	x.bindings.Put(live.Binding{
		User: user, Device: "d", Contact: "sip:" + user + "@127.0.0.3", Transport: "tcp", Flow: flow - 299,
		Granted: time.Minute, Expires: time.Now().Add(time.Duration(x.random.IntN(120)) * time.Second),
	})
}

func (x *truth) configures() {
	s := live.DefaultSettings()
	s.Merge, s.MixDialogPresence = x.random.IntN(4) > 0, x.random.IntN(4) > 0
	s.MergePrimarySource = pick(x.random, "", "web", "/^snom/")
	if x.random.IntN(2) == 0 {
		s.Order = []live.SourceKind{live.FromPrimary, live.FromDialog, live.FromPublish, live.FromRegistration}
	}
	if err := x.table.Configure(s, time.Now()); err != nil {
		x.t.Error(err)
	}
	x.settings = s
}

func pick(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

// TestTheRouterReadsWhatWasNotified: whatever is published, registered, called and
// configured, calls go by the state that the last NOTIFY told, and nobody is notified of
// what he knows. PRESENCE_EVENTS says of how many events; 10,000 take some seconds.
func TestTheRouterReadsWhatWasNotified(t *testing.T) {
	events := 2000
	if n, err := strconv.Atoi(os.Getenv("PRESENCE_EVENTS")); err == nil {
		events = n
	}
	synctest.Test(t, func(t *testing.T) {
		x := newTruth(t, uint64(events))
		ctx, cancel := context.WithCancel(t.Context())
		defer x.close()
		defer cancel()
		x.ended.Go(func() { _ = x.table.Run(ctx) })
		differences, seen := 0, map[string]bool{}
		for i := range events {
			what := x.happens()
			x.notified()
			for u := range people {
				if why := x.differs(number(u)); why != "" {
					differences++
					t.Errorf("event %d (%d), %s: %s; %+v", i, what, number(u), why, x.table.Of(number(u)))
				}
				seen[x.shown[number(u)]] = true
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("%d events, %d NOTIFYs, %d documents, %d differences", events, x.told, len(seen), differences)
		if x.told < events/4 || len(seen) < 20 {
			t.Errorf("only %d NOTIFYs of %d documents", x.told, len(seen))
		}
	})
}

// until returns after how long the watcher is told that what is said of a user has a text.
func (x *truth) until(user, text string) time.Duration {
	x.t.Helper()
	began := time.Now()
	for !strings.Contains(x.shown[user], text) {
		x.notified()
		if time.Since(began) > 2*time.Minute {
			x.t.Fatalf("%s is never told: %s", text, x.shown[user])
		}
	}
	return time.Since(began)
}

// TestWhoPublishesNothingIsTold: of a phone that only registers and calls, watchers hear
// in time what follows from that.
func TestWhoPublishesNothingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTruth(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer x.close()
		defer cancel()
		x.ended.Go(func() { _ = x.table.Run(ctx) })
		x.ended.Go(func() { _ = x.bindings.Run(ctx) })
		const user = "300"
		phone := live.Binding{User: user, Device: "d", Contact: "sip:300@127.0.0.3", Transport: "tcp", Flow: 9, Granted: time.Minute}
		registered := func(lasts time.Duration) {
			phone.Expires = time.Now().Add(lasts)
			x.bindings.Put(phone)
		}
		for _, step := range []struct {
			name   string
			do     func()
			told   string
			within time.Duration
		}{
			{"nobody is there", func() {}, ">closed<", time.Second},
			{"it registers", func() { registered(time.Minute) }, ">open<", time.Second},
			{"its connection is lost", func() { x.bindings.FlowClosed(9) }, ">closed<", time.Second},
			{"it is back", func() { phone.Flow = 10; registered(time.Minute) }, ">open<", time.Second},
			{"it unregisters", func() { _ = x.bindings.Update(user, func([]live.Binding) ([]live.Binding, error) { return nil, nil }) }, ">closed<", time.Second},
			{"it registers over UDP", func() { phone.Transport, phone.Flow = "udp", 11; registered(time.Minute) }, ">open<", time.Second},
			{"it vanishes", func() {}, ">closed<", time.Minute + time.Second},
			{"it is there again", func() { registered(time.Hour) }, ">open<", time.Second},
			{"it is called", func() { x.dialogs.Put(ringing(user, live.Early)); x.dialogs.Put(ringing(user, live.Confirmed)) }, "<rpid:on-the-phone/>", 500 * time.Millisecond},
			{"it hangs up", func() { x.dialogs.Delete(ringing(user, live.Early)); x.shown[user] = "" }, ">open<", 500 * time.Millisecond},
		} {
			step.do()
			if took := x.until(user, step.told); took > step.within {
				t.Errorf("%s: %s is told after %v, want %v", step.name, step.told, took, step.within)
			}
			if step.name == "it hangs up" && strings.Contains(x.shown[user], "on-the-phone") {
				t.Errorf("after the call: %s", x.shown[user])
			}
		}
	})
}
