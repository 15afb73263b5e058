package node

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/store"
	"carillon/store/live"
)

// TestWhoIsSilent: the table of registrations hears which owners cannot be
// reached: by the link to them, or, without one, by whether a main is heard.
func TestWhoIsSilent(t *testing.T) {
	for _, tt := range []struct {
		name   string
		self   store.Node
		up     []string
		down   []string
		deaf   []string // the mains that say that they do not hear namur
		silent []string
	}{
		{"a main hears all", written("laurel", RoleMain, "hq"), []string{"hardy", "mons", "namur"}, nil, nil, nil},
		{"a main lost a branch", written("laurel", RoleMain, "hq"), []string{"hardy", "namur"}, []string{"mons"}, nil, []string{"mons"}},
		{"a main has no line to a branch yet", written("laurel", RoleMain, "hq"), []string{"hardy", "namur"}, nil, nil, []string{"mons"}},
		{"a main believes itself", written("laurel", RoleMain, "hq"), []string{"hardy", "mons", "namur"}, nil, []string{"hardy"}, nil},
		{"a branch hears both mains", written("mons", RoleLifeguard, "mons"), []string{"laurel", "hardy"}, nil, nil, nil},
		{"a branch hears one main", written("mons", RoleLifeguard, "mons"), []string{"laurel"}, []string{"hardy"}, nil, []string{"hardy"}},
		{"a branch hears nobody", written("mons", RoleLifeguard, "mons"), nil, []string{"laurel", "hardy"}, nil, []string{"hardy", "laurel", "namur"}},
		{"both mains lost another branch", written("mons", RoleLifeguard, "mons"), []string{"laurel", "hardy"}, nil, []string{"laurel", "hardy"}, []string{"namur"}},
		{"one main lost another branch", written("mons", RoleLifeguard, "mons"), []string{"laurel", "hardy"}, nil, []string{"laurel"}, nil},
		{"the main that is heard lost another branch", written("mons", RoleLifeguard, "mons"), []string{"laurel"}, []string{"hardy"}, []string{"laurel"}, []string{"hardy", "namur"}},
		{"the main that is not heard lost another branch", written("mons", RoleLifeguard, "mons"), []string{"laurel"}, []string{"hardy"}, []string{"hardy"}, []string{"hardy"}},
		{"alone, it hears the other branch itself", written("mons", RoleLifeguard, "mons"), []string{"namur"}, []string{"laurel", "hardy"}, []string{"laurel", "hardy"}, []string{"hardy", "laurel"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := links{}
			l.say(session.Up, time.Minute, tt.up...)
			l.say(session.Down, time.Minute, tt.down...)
			b := live.NewBindings(tt.self.Name, nil)
			for _, n := range someNodes() {
				x := live.Binding{User: "201", Device: n.Name, Contact: "sip:201@192.0.2.1", Transport: "udp", Flow: 1, Granted: time.Hour}
				if n.Name == tt.self.Name {
					continue
				}
				if err := b.Learn(n.Name, x.Key(), x.AppendShared(nil)); err != nil {
					t.Fatal(err)
				}
			}
			m := newMutes(nowhere{})
			for _, main := range tt.deaf {
				m.learn(main, "namur", true)
			}
			s := newStanding(peersOf(t, tt.self, l, someNodes()...), b, noDialogs(), live.NewPresences("mons", nil), m, admin.NewEvents(tt.self.Name), tt.self.Site, func() {})
			s.decide(time.Now())
			var silent []string
			for _, x := range b.All() {
				if x.Silent {
					silent = append(silent, x.Node)
				}
			}
			slices.Sort(silent)
			if !slices.Equal(silent, tt.silent) {
				t.Errorf("silent: got %q, want %q", silent, tt.silent)
			}
		})
	}
}

// TestModeFollowsTheLinks: a LifeGUARD is alone as soon as no main is heard, and
// back ten seconds after one is; a main is never alone.
func TestModeFollowsTheLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := links{}
		p, regrouped := peersOf(t, written("mons", RoleLifeguard, "mons"), l, someNodes()...), 0
		s := newStanding(p, live.NewBindings("mons", nil), noDialogs(), live.NewPresences("mons", nil), newMutes(nowhere{}), admin.NewEvents("mons"), "mons", func() { regrouped++ })
		check := func(when, want string) {
			t.Helper()
			s.decide(time.Now())
			guards := slices.ContainsFunc(p.sessions(), func(x session.Peer) bool { return x.Node == "namur" })
			if guards != (want == mode.Survivable) {
				t.Errorf("%s: another LifeGUARD is a peer: %v", when, guards)
			}
			if got := s.Mode(); got != want {
				t.Errorf("%s: got %s, want %s", when, got, want)
			}
		}
		check("at the start", mode.Cluster)
		l.say(session.Up, 0, "laurel")
		check("one main", mode.Cluster)
		l.say(session.Down, 0, "laurel", "hardy")
		check("no main", mode.Survivable)
		l.say(session.Up, 0, "hardy")
		check("a main is back", mode.Survivable)
		if again := s.decide(time.Now()); again != mode.Stability {
			t.Errorf("it looks again after %v, want %v", again, mode.Stability)
		}
		time.Sleep(mode.Stability)
		check("it was back for long enough", mode.Cluster)
		want := []string{"mons goes on alone: it hears none of the mains", "mons is back with hardy"}
		if got := happened(s.events); !slices.Equal(got, want) {
			t.Errorf("events: got %q, want %q", got, want)
		}
		if regrouped != 2 {
			t.Errorf("the sessions were told %d times, want twice", regrouped)
		}

		l.say(session.Down, time.Hour, "hardy", "mons", "namur")
		main := newStanding(peersOf(t, written("laurel", RoleMain, "hq"), l, someNodes()...),
			live.NewBindings("laurel", nil), noDialogs(), live.NewPresences("mons", nil), newMutes(nowhere{}), admin.NewEvents("laurel"), "hq", func() {})
		main.decide(time.Now().Add(time.Hour))
		if got := main.Mode(); got != mode.Cluster {
			t.Errorf("a main: got %s", got)
		}
	})
}

func TestLinksAreEvents(t *testing.T) {
	s := newStanding(&peers{self: identity{Name: "mons", Role: RoleLifeguard}}, nil, nil, nil, newMutes(nowhere{}), admin.NewEvents("mons"), "mons", nil)
	s.heard(session.Link{Node: "laurel", State: session.Down})
	s.heard(session.Link{Node: "laurel", State: session.Up})
	want := []string{"the link to laurel is down", "the link to laurel is up"}
	if got := happened(s.events); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(s.news) != 1 {
		t.Error("it is not decided anew")
	}
}

// TestDeadBranch: mons hears of a call of namur from laurel. While namur is dead the lamp
// is old, and goes dark when the call's session is over; it is right again as soon as
// laurel hears namur.
func TestDeadBranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		domain := func() string { return "carillon.internal" }
		mons, at := live.NewDialogs("mons", domain, nil), links{}
		namur := live.NewDialogs("namur", domain, learns(func(key string, value []byte) error { return mons.Learn("namur", key, value) }))
		known := newMutes(nowhere{})
		branch := newStanding(peersOf(t, written("mons", RoleLifeguard, "mons"), at, someNodes()...),
			live.NewBindings("mons", nil), mons, live.NewPresences("mons", nil), known, admin.NewEvents("mons"), "mons", func() {})
		from := links{}
		main := newStanding(peersOf(t, written("laurel", RoleMain, "hq"), from, someNodes()...),
			live.NewBindings("laurel", nil), noDialogs(), live.NewPresences("laurel", nil),
			newMutes(learns(func(node string, value []byte) error {
				known.learn("laurel", node, len(value) > 0)
				return nil
			})), admin.NewEvents("laurel"), "hq", func() {})
		look := func(when string, lit int, old bool) {
			t.Helper()
			main.decide(time.Now())
			branch.decide(time.Now())
			mons.Expire(time.Now())
			if of := mons.Of("201"); len(of) != lit || lit > 0 && of[0].Old != old {
				t.Errorf("%s: lit %+v, want %d, old %v", when, of, lit, old)
			}
		}
		at.say(session.Up, 0, "laurel")
		at.say(session.Down, 0, "hardy")
		from.say(session.Up, 0, "mons", "namur")
		from.say(session.Down, 0, "hardy")
		call := live.Call{ID: "c\x00t", CallID: "c", From: "201", To: "202", State: live.Up, Since: time.Now(), Key: "1", Session: 90 * time.Second}
		call.Sides = []*live.Side{{Dialog: live.Dialog{User: "201", Direction: live.Initiator, State: live.Confirmed}}}
		namur.Tell(&call)
		look("all is well", 1, false)
		from.say(session.Down, 0, "namur")
		look("namur is dead", 1, true)
		time.Sleep(call.Session)
		look("its call's session is over, all but", 1, true)
		time.Sleep(2 * time.Minute)
		look("its call's session is over", 0, false)
		from.say(session.Up, 0, "namur")
		look("namur is back, and talks on", 1, false)
		namur.TellOver(&call)
		look("it has hung up", 0, false)
	})
}

// learns is a namespace of which somebody hears at once.
type learns func(key string, value []byte) error

func (f learns) Set(key string, value []byte) { _ = f(key, value) }
func (f learns) Delete(key string)            { _ = f(key, nil) }

func noDialogs() *live.Dialogs {
	return live.NewDialogs("laurel", func() string { return "carillon.internal" }, nil)
}
