package node

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/cluster/session"
	"carillon/store"
)

func names(nodes []store.Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	return strings.Join(all, " ")
}

func TestPeersOfTheView(t *testing.T) {
	p := peersOf(t, written("mons", RoleLifeguard, "mons"), links{}, someNodes()...)
	p.self.Mains = []place{{Node: "stan", Address: netip.MustParseAddrPort("127.77.1.3:7946")}} // met long ago
	if got, want := names(p.others()), "hardy laurel namur"; got != want {
		t.Errorf("the others: got %q, want %q", got, want)
	}
	if got, want := names(p.mains()), "hardy laurel"; got != want {
		t.Errorf("the mains: got %q, want %q", got, want)
	}
	for addr, want := range map[string]string{"127.77.1.2": "hardy", "127.77.3.1": "namur", "127.77.2.1": "", "127.77.9.9": ""} {
		if got, ok := p.NodeAt(netip.MustParseAddr(addr)); got != want || ok != (want != "") {
			t.Errorf("the node at %s: got %q, %v, want %q", addr, got, ok, want)
		}
	}
	if _, ok := p.addressOf("stan"); ok {
		t.Error("a node that is not in the View has an address")
	}
}

// TestPeersBeforeTheView: a node that has joined and has no View yet knows whom
// it met.
func TestPeersBeforeTheView(t *testing.T) {
	empty := store.NewView(store.Config{})
	p := &peers{
		self: identity{Name: "hardy", Role: RoleMain, Mains: []place{{Node: "laurel", Address: netip.MustParseAddrPort("127.77.1.1:7946")}}},
		view: func() *store.View { return empty }, links: links{}.list,
	}
	if at, ok := p.addressOf("laurel"); !ok || at.Addr() != netip.MustParseAddr("127.77.1.1") || names(p.mains()) != "laurel" {
		t.Errorf("got %v, %v, mains %q", at, ok, names(p.mains()))
	}
}

// TestWhomSessionsAreKeptWith: a main has one with everybody and passes on to
// LifeGUARDs; these have one with each main, and not all prefer the same.
func TestWhomSessionsAreKeptWith(t *testing.T) {
	for _, tt := range []struct {
		self store.Node
		want []string // node, role, and whether we pass on; in any order
	}{
		{written("laurel", RoleMain, "hq"), []string{"hardy main", "mons lifeguard relay", "namur lifeguard relay"}},
		{written("mons", RoleLifeguard, "mons"), []string{"hardy main", "laurel main"}},
	} {
		var got []string
		for _, p := range peersOf(t, tt.self, links{}, someNodes()...).sessions() {
			words := p.Node + " " + p.Role
			if p.Relay {
				words += " relay"
			}
			got = append(got, words)
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.self.Name, got, tt.want)
		}
	}
	first, p := map[string]int{}, peersOf(t, written("mons", RoleLifeguard, "mons"), links{}, someNodes()...)
	for i := range 40 {
		p.self.Name = fmt.Sprint("branch", i)
		first[p.sessions()[0].Node]++
	}
	if first["laurel"] < 10 || first["hardy"] < 10 {
		t.Errorf("40 LifeGUARDs prefer %v", first)
	}
}

func TestRelaysAreMainsThatAreHeard(t *testing.T) {
	l := links{}
	p := peersOf(t, written("laurel", RoleMain, "hq"), l, append(someNodes(), written("stan", RoleMain, "hq"))...)
	l.say(session.Up, time.Minute, "hardy", "mons")
	l.say(session.Down, time.Minute, "stan")
	if got := p.Relays(); !slices.Equal(got, []string{"hardy"}) {
		t.Errorf("got %q, want hardy alone", got)
	}
	for node, want := range map[string][2]bool{"hardy": {true, true}, "stan": {false, true}, "namur": {false, false}} {
		if up, known := p.isUp(node); [2]bool{up, known} != want {
			t.Errorf("%s: got up %v, known %v, want %v", node, up, known, want)
		}
	}
}

func TestSeedsSayWhereNodesStand(t *testing.T) {
	nodes := someNodes()
	nodes[3].Site = "" // namur is where its address is
	seeds := peersOf(t, written("laurel", RoleMain, "hq"), links{}, nodes...).seeds()
	for _, s := range seeds {
		if want := map[string]string{"hardy": "hq", "mons": "mons", "namur": "namur"}[s.Node]; s.Site != want || !s.Address.IsValid() {
			t.Errorf("got %+v, want it at %s", s, want)
		}
	}
	if len(seeds) != 3 {
		t.Errorf("got %d, want 3", len(seeds))
	}
}

// TestBudgetOfALine: the line of a branch has the budget of the branch, whichever end
// asks, and nodes of one site have none.
func TestBudgetOfALine(t *testing.T) {
	nodes := append(someNodes(), written("stan", RoleMain, "mons"))
	config := store.Config{Domain: "tel.test", Nodes: nodes}
	for name, budget := range map[string]int{"hq": 32, "mons": 16, "namur": 0} {
		config.Sites = append(config.Sites, store.Site{Name: name, Budget: budget})
	}
	view := store.NewView(config)
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"laurel", "hardy", 0},
		{"laurel", "mons", 16},
		{"laurel", "namur", store.DefaultBudget},
		{"laurel", "stan", 16},
		{"mons", "stan", 0},
		{"mons", "namur", 16},
		{"namur", "stan", store.DefaultBudget},
	} {
		for _, ends := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			self, _ := view.Node(ends[0])
			to, _ := view.Node(ends[1])
			p := &peers{self: identity{Name: self.Name, Role: self.Role}, view: func() *store.View { return view }, links: links{}.list}
			if got := p.budget(to); got != tt.want {
				t.Errorf("from %s to %s: got %d kbit/s, want %d", ends[0], ends[1], got, tt.want)
			}
		}
	}
}
