package node

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/sipcore"
	"carillon/store"
	"carillon/store/live"
)

// movers is what a SIP server would be told, and the phones that it has.
type movers struct {
	has  []live.Binding
	told []string
}

func (m *movers) SendAway(among func(live.Binding) bool, all bool) (n int, spread time.Duration) {
	for _, x := range m.has {
		if among(x) {
			n++
		}
	}
	m.told = append(m.told, fmt.Sprintf("away %d all=%v", n, all))
	return n, 30 * time.Second
}

func (m *movers) KeepPhones() sipcore.Away {
	m.told = append(m.told, "keep")
	return sipcore.Away{Asked: 2, Stayed: 1}
}

func (m *movers) Recheck() {}

// TestLeaving: when phones are asked to go elsewhere, and when they are kept.
func TestLeaving(t *testing.T) {
	type second struct {
		mode    string
		drained bool
		dead    []string
		after   time.Duration // since the second before
		want    []string
	}
	const cluster, alone = mode.Cluster, mode.Survivable
	both := []string{"laurel", "hardy"}
	for _, tt := range []struct {
		name, self string
		seconds    []second
	}{
		{"a main is drained, and not any more", "laurel", []second{
			{cluster, false, nil, 0, nil},
			{cluster, true, nil, time.Second, []string{"away 3 all=true"}},
			{cluster, true, nil, time.Hour, nil},
			{cluster, false, nil, time.Second, []string{"keep"}},
		}},
		{"the other main dies meanwhile, and comes back", "laurel", []second{
			{cluster, true, nil, 0, []string{"away 3 all=true"}},
			{cluster, true, []string{"hardy"}, time.Second, []string{"keep"}},
			{cluster, true, nil, time.Second, []string{"away 3 all=true"}},
		}},
		{"the mains come back: phones of main-first sites go", "lg-mons", []second{
			{alone, false, both, 0, nil},
			{cluster, false, []string{"hardy"}, time.Second, []string{"away 2 all=false"}},
			{cluster, false, nil, time.Minute, nil},
			{cluster, false, nil, goingBackFor, []string{"keep"}},
			{cluster, false, nil, time.Hour, nil},
		}},
		{"and are lost again meanwhile", "lg-mons", []second{
			{alone, false, both, 0, nil},
			{cluster, false, nil, time.Second, []string{"away 2 all=false"}},
			{alone, false, both, time.Second, []string{"keep"}},
			{cluster, false, nil, time.Minute, []string{"away 2 all=false"}},
		}},
		{"a drained site that is cut off keeps its phones", "lg-mons", []second{
			{cluster, true, nil, 0, []string{"away 3 all=true"}}, {alone, true, both, time.Second, []string{"keep"}},
		}},
		{"a main hears the other again", "laurel", []second{{cluster, false, []string{"hardy"}, 0, nil}, {cluster, false, nil, time.Second, nil}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var at second
			m := &movers{has: []live.Binding{{User: "1", Site: "mons"}, {User: "2"}, {User: "3", Site: "hq"}}}
			view := func() *store.View {
				c := store.Config{Sites: []store.Site{{Name: "hq"}, {Name: "mons", Homing: store.MainFirst}}}
				for i, n := range []store.Node{{Name: "hardy", Role: store.Main}, {Name: "laurel", Role: store.Main}, {Name: "lg-mons", Role: store.Lifeguard, Site: "mons"}} {
					n.Address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 7946)
					n.Drained = at.drained && n.Name == tt.self
					c.Nodes = append(c.Nodes, n)
				}
				return store.NewView(c)
			}
			l := &leaving{
				self: func() store.Node { n, _ := view().Node(tt.self); return n }, view: view, events: admin.NewEvents(tt.self),
				mode: func() string { return at.mode }, alive: func(name string) bool { return !slices.Contains(at.dead, name) }, phones: m,
			}
			now := time.Now()
			for i, s := range tt.seconds {
				at, m.told = s, nil
				now = now.Add(s.after)
				l.decide(now)
				if diff := cmp.Diff(s.want, m.told); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}
