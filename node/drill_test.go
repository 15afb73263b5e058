package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/store"
	"carillon/store/live"
	"carillon/test/house/wire"
)

// branchTown is a main and a LifeGUARD of another site.
func branchTown(t *testing.T) *town {
	t.Helper()
	file := filepath.Join(t.TempDir(), "system.yaml")
	text := "domain: tel.test\nsites: [{name: hq}, {name: mons}]\nusers: [{number: \"201\", password: x}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, config: file, nodes: map[string]*townsman{}}
	w.open("laurel", RoleMain, "laurel")
	w.joinAt("lg", RoleLifeguard, "laurel", "mons")
	w.eventually("the link stands", func() bool {
		up, _ := w.nodes["laurel"].peers.isUp("lg")
		return up
	})
	return w
}

// A drill parts a site from the others as a cut does, says how it went, and whoever
// calls for help there ends it.
func TestDrill(t *testing.T) {
	t.Parallel()
	w := branchTown(t)
	main, lg := w.nodes["laurel"], w.nodes["lg"]
	d, err := main.StartDrill(t.Context(), "mons", 5*time.Minute)
	if err != nil || d.Done {
		t.Fatalf("got %+v, %v", d, err)
	}
	if _, err = main.StartDrill(t.Context(), "mons", time.Minute); err == nil || !strings.Contains(err.Error(), "a drill of mons goes on") {
		t.Errorf("a second one: got %v", err)
	}
	w.eventually("the site goes on alone", func() bool { return lg.standing.Mode() == mode.Survivable })
	if d, err = main.Drill(t.Context()); err != nil || len(d.Nodes) != 1 || d.Nodes[0].State != admin.DrillCuts {
		t.Errorf("while it goes on: got %+v, %v", d, err)
	}
	lg.calls.Put(live.Call{ID: "1", From: "201", To: "112", State: live.Ringing, Node: "lg"})
	w.eventually("a call for help has ended it", func() bool {
		main.drills.mu.Lock()
		defer main.drills.mu.Unlock()
		return main.drills.now == nil
	})
	lg.calls.Delete("1")
	w.eventually("the site is back", func() bool {
		d, err = main.Drill(t.Context())
		return err == nil && d.Done
	})
	one := d.Nodes[0]
	if one.Alone == nil || one.Back == nil || one.Lost != 0 || one.Dropped != 0 || one.Why != "201 calls 112" || lg.standing.Mode() != mode.Cluster {
		t.Errorf("got %+v", one)
	}
	t.Logf("survivable after %.1f s, back after %.1f s", *one.Alone, *one.Back)
}

// A drill ends by itself and on request; who may not ask for it gets none.
func TestDrillEnds(t *testing.T) {
	t.Parallel()
	w := branchTown(t)
	main, lg := w.nodes["laurel"], w.nodes["lg"]
	done := func() bool {
		d, err := main.Drill(t.Context())
		return err == nil && d.Done && len(d.Nodes) == 1
	}
	for _, site := range []string{"hq", "namur"} {
		if _, err := main.StartDrill(t.Context(), site, time.Minute); err == nil {
			t.Errorf("a drill of %s begins", site)
		}
	}
	if _, err := main.StartDrill(t.Context(), "mons", time.Second); err != nil {
		t.Fatal(err)
	}
	w.eventually("it has ended by itself", done)
	if _, err := main.StartDrill(t.Context(), "mons", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	w.eventually("it goes on", func() bool {
		d, err := main.Drill(t.Context())
		return err == nil && d.Nodes[0].State == admin.DrillCuts
	})
	if _, err := lg.StopDrill(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually("it has ended on request", done)
	if _, err := main.StartDrill(t.Context(), "mons", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	main.calls.Put(live.Call{ID: "1", From: "201", To: "112", State: live.Ringing, Node: "laurel"})
	w.eventually("a call for help elsewhere has ended it", done)
	main.calls.Delete("1")
	w.callsForHelp()

	body, _ := json.Marshal(drillOrder{What: drillBegin, Site: "hq", For: time.Minute})
	if _, err := main.drills.answer(context.Background(), link.Peer{Node: "lg", Role: link.LifeGUARD}, body); err == nil || !strings.Contains(err.Error(), "rehearses nothing there") {
		t.Errorf("a LifeGUARD rehearses elsewhere: got %v", err)
	}
	body, _ = json.Marshal(drillOrder{What: drillBegin, Site: "mons", For: time.Hour})
	if _, err := lg.drills.answer(context.Background(), link.Peer{Node: "laurel", Role: link.Main}, body); err == nil {
		t.Error("a drill of an hour begins")
	}
}

// callsForHelp checks that a call for help at one node of a site with two ends the
// drill at every node, also before it has begun, and though the call is in no table.
func (w *town) callsForHelp() {
	w.t.Helper()
	w.joinAt("lg2", RoleLifeguard, "laurel", "mons")
	nodes := []*townsman{w.nodes["laurel"], w.nodes["lg"], w.nodes["lg2"]}
	all := func(is func(*drill) bool) func() bool {
		return func() bool {
			return !slices.ContainsFunc(nodes, func(n *townsman) bool {
				n.drills.mu.Lock()
				defer n.drills.mu.Unlock()
				return !is(n.drills)
			})
		}
	}
	over := all(func(d *drill) bool { return d.now == nil && d.site == "mons" && d.told.Why == "a call for help" })
	for _, early := range []bool{false, true} {
		w.eventually("a drill begins", func() bool {
			_, err := nodes[0].StartDrill(w.t.Context(), "mons", 5*time.Minute)
			return err == nil
		})
		if !early {
			w.eventually("it goes on at all", all(func(d *drill) bool { return d.told.State == admin.DrillCuts }))
		}
		nodes[2].tells("emergency", "a call for help")
		if early {
			over = all(func(d *drill) bool { return d.now == nil && d.told.Cut == 0 })
		}
		w.eventually("a call for help has ended it at all", over)
	}
}

// What is not as promised is said.
func TestBroken(t *testing.T) {
	t.Parallel()
	at := func(s float64) *float64 { return &s }
	for _, tt := range []struct {
		n    admin.DrillNode
		want string
	}{
		{admin.DrillNode{Cut: 60, Alone: at(8.1), Back: at(11)}, ""},
		{admin.DrillNode{Cut: 5}, ""}, // too short for anybody to notice
		{admin.DrillNode{Cut: 60}, "survivable never"},
		{
			admin.DrillNode{Cut: 60, Alone: at(12), Back: at(16.04), Lost: 1, Dropped: 2},
			"survivable after 12.0 s, not within 10; back after 16.0 s, not within 15; 1 calls lost; 2 registrations lost",
		},
		{admin.DrillNode{Cut: 60, Alone: at(8)}, "back never"},
	} {
		if got := strings.Join(tt.n.Broken(), "; "); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.n, got, tt.want)
		}
	}
}

// A phone that speaks to a node elsewhere is not heard while its site is cut off,
// unless it calls for help.
func TestWhomAnInviteCalls(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ came, want string }{
		{"INVITE sip:112@tel.test SIP/2.0\r\nVia: x", "112"},
		{"INVITE sips:911@192.0.2.1;transport=tls SIP/2.0", "911"},
		{"INVITE tel:112;phone-context=x SIP/2.0", "112"},
		{"\r\n\r\nINVITE sip:112@tel.test SIP/2.0", "112"}, // behind a keep-alive
		{"REGISTER sip:tel.test SIP/2.0\r\nCSeq: 1 REGISTER\r\n\r\nINVITE sip:112@tel.test SIP/2.0\r\n", "112"},
		{"INVITE sip:201@x SIP/2.0\r\n\r\nINVITE sip:112@tel.test SIP/2.0\r\n", "201 112"},
		{"INVITE URN:service:sos.fire SIP/2.0\r\n", "urn:service:sos"},
		{"REGISTER sip:112@tel.test SIP/2.0", ""},
		{"INVITE sip:" + strings.Repeat("1", 1000), ""},
		{"INVITE ", ""},
		{"", ""},
	} {
		if got := strings.Join(slices.Collect(invited([]byte(tt.came))), " "); got != tt.want {
			t.Errorf("%.40q: got %q, want %q", tt.came, got, tt.want)
		}
	}
	r := &rehearsal{drillOrder: drillOrder{Site: "mons"}, stop: make(chan string, 1)}
	view, phone := store.NewView(store.Config{}), netip.MustParseAddr("192.0.2.7")
	d := new(drill)
	if d.helps(r, view, phone, []byte("INVITE sip:201@x SIP/2.0\r\n")) || len(r.stop) > 0 {
		t.Error("any call is one for help")
	}
	view = store.NewView(store.Config{Sites: []store.Site{{Name: "mons", Outside: "0"}}})
	for _, uri := range []string{"sip:112@x", "sip:0112@x", "urn:service:sos"} {
		_, called, _ := strings.Cut(strings.TrimSuffix(uri, "@x"), "sip:")
		if called == "" {
			called = uri
		}
		if !d.helps(r, view, phone, []byte("INVITE "+uri+" SIP/2.0\r\n")) || !r.cried.Load() || <-r.stop != "192.0.2.7 calls "+called {
			t.Errorf("a call for help to %s does not end the drill", uri)
		}
	}
}

// A drill that nobody watches any more is over everywhere.
func TestDrillEndsWithItsCommand(t *testing.T) {
	t.Parallel()
	w := branchTown(t)
	main, lg := w.nodes["laurel"], w.nodes["lg"]
	watched, leaves := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		gone <- main.Rehearse(watched, "mons", 5*time.Minute, func(admin.Drill) error { return nil })
	}()
	w.eventually("it goes on", func() bool { return lg.drills.state() == admin.DrillCuts })
	leaves()
	if err := <-gone; err == nil {
		t.Error("who leaves is told that it is done")
	}
	for _, n := range []*drill{main.drills, lg.drills} {
		w.eventually("it has ended", func() bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.now == nil && strings.Contains(n.told.Why, "does not watch it any more, has ended it")
		})
	}
}

// A call for help ends a drill of running nodes everywhere, though no trunk takes it
// and it comes to nothing at once: at the site, and at a main.
func TestCallForHelpEndsDrill(t *testing.T) {
	t.Parallel()
	w := branchTown(t)
	main := w.nodes["laurel"]
	for _, at := range []string{"lg", "laurel"} {
		if _, err := main.StartDrill(t.Context(), "mons", 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		w.eventually("it goes on", func() bool { return w.nodes["lg"].drills.state() == admin.DrillCuts })
		phone, err := wire.Dial("tcp", netip.AddrPortFrom(w.nodes[at].Listen(), 5060))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err = phone.Send(request(phone, "INVITE", "201", "112")); err != nil {
			t.Fatal(err)
		}
		for name, n := range w.nodes {
			w.eventually("it has ended at "+name, func() bool {
				state := n.drills.state()
				return state == admin.DrillReturns || state == admin.DrillDone
			})
		}
		t.Logf("a call for help at %s has ended it everywhere after %v", at, time.Since(began))
		w.eventually("the site is back", func() bool { return w.nodes["lg"].drills.state() == admin.DrillDone })
		d, err := main.Drill(t.Context())
		if err != nil || len(d.Nodes) == 0 || !strings.Contains(d.Nodes[0].Why, "112") {
			t.Errorf("got %+v, %v", d, err)
		}
		_ = phone.Close()
	}
}

func (d *drill) state() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told.State
}
