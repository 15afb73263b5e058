package feature

import (
	"fmt"
	"strings"
	"testing"

	"carillon/sipcore/route"
	"carillon/store"
)

// standing says which nodes of a site are heard.
type standing map[string][]string

func (s standing) NodesAt(site string) []string { return s[site] }
func (s standing) Here() string                 { return "here" }

func system() *store.View {
	return store.NewView(store.Config{
		Sites: []store.Site{{Name: "hq", Operator: "100"}, {Name: "mons", Operator: "200"}, {Name: "gent", Operator: "300", Survivable: store.Dumb}, {Name: "lab"}},
		Users: []store.User{
			{Number: "100", Site: "hq", Direct: []string{"+3220"}},
			{Number: "200", Site: "mons", Direct: []string{"+3260"}},
			{Number: "201", Site: "mons", Direct: []string{"+3261", "+3262"}},
			{Number: "300", Site: "gent"},
			{Number: "301", Site: "gent", Direct: []string{"+3291"}},
			{Number: "400", Site: "lab"},
		},
		Trunks: []store.Trunk{
			{Name: "g", Site: "gent", Address: "192.0.2.3"}, {Name: "h", Site: "hq", Address: "192.0.2.1"}, {Name: "m", Site: "mons", Address: "192.0.2.2:5070"},
		},
		Nodes: []store.Node{
			{Name: "main", Role: store.Main, Site: "hq"}, {Name: "lg-m", Role: store.Lifeguard, Site: "mons"}, {Name: "lg-g", Role: store.Lifeguard, Site: "gent"},
		},
	})
}

// said is a verdict in short: trunk at node as number, whom it goes on to, or why not.
func said(v route.Verdict) string {
	switch v := v.(type) {
	case route.Ring:
		var all []string
		for _, t := range v.Targets {
			if name, ok := route.TrunkOf(t.User); ok {
				all = append(all, fmt.Sprintf("%s@%s as %s", name, t.Device, t.Shown))
				continue
			}
			all = append(all, t.URI)
		}
		return strings.Join(all, ", ")
	case route.Redirect:
		return "to " + v.To
	case route.Reject:
		return fmt.Sprint(v.Status)
	}
	return "nothing"
}

func TestAll(t *testing.T) {
	all := standing{"hq": {"main"}, "mons": {"lg-m"}, "gent": {"lg-g"}, "lab": {"main"}}
	cut := standing{"mons": {"lg-m"}, "gent": {"lg-g"}}
	only := standing{"gent": {"lg-g"}}
	out := route.Number{Kind: route.Outside, Dial: "+442071838750"}
	help := route.Number{Kind: route.Emergency, Dial: "112"}
	for _, tt := range []struct {
		name         string
		site, caller string
		callee       string
		number       route.Number
		nodes        standing
		alone        bool
		outcome      route.Outcome
		want         string
	}{
		{"out", "mons", "201", "", out, all, false, route.None, "m@lg-m as +3261, h@main as +3220"},
		{"out of a site that has no trunk", "lab", "400", "", out, all, false, route.None, "h@main as +3220"},
		{"out, alone", "mons", "201", "", out, cut, true, route.None, "m@lg-m as +3261"},
		{"out, alone, without a direct number", "gent", "300", "", out, only, true, route.None, "g@lg-g as +3291"},
		{"out, alone, nowhere", "lab", "400", "", out, only, true, route.None, "480"},
		{"out, all refused", "mons", "201", "", out, all, false, route.Offline, "nothing"},
		{"help", "mons", "201", "", help, all, false, route.None, "m@lg-m as +3261, h@main as +3220, g@lg-g as +3291"},
		{"help, alone and dumb", "gent", "301", "", help, cut, true, route.None, "g@lg-g as +3291, m@lg-m as +3260, h@here as +3220"},
		{"help, refused by all", "mons", "201", "", help, all, false, route.Failed, "to 200"},
		{"help, refused by all to the operator", "mons", "200", "", help, all, false, route.Failed, "nothing"},
		{"help past nodes that are not heard", "lab", "400", "", help, standing{}, true, route.None, "h@here as +3220, g@here as +3291"},
		{"a desk", "mons", "201", "200", route.Number{Kind: route.Desk}, all, false, route.None, "sip:200"},
		{"a desk that is off", "mons", "201", "200", route.Number{Kind: route.Desk}, all, false, route.Offline, "nothing"},
		{"a desk elsewhere that is busy", "mons", "201", "301", route.Number{Kind: route.Desk}, cut, true, route.Busy, "nothing"},
		{"a desk elsewhere that is off", "mons", "201", "301", route.Number{Kind: route.Desk}, cut, true, route.Offline, "nothing"},
		{"a desk elsewhere, its site is not heard", "mons", "201", "100", route.Number{Kind: route.Desk}, cut, true, route.Offline, "m@lg-m as +3261"},
		{"a desk elsewhere, its node is not reached", "mons", "201", "301", route.Number{Kind: route.Desk}, cut, true, route.Cut, "m@lg-m as +3261"},
		{"of the head office", "hq", "100", "301", route.Number{Kind: route.Desk}, all, false, route.Cut, "h@main as +3220"},
		{"without a direct number", "mons", "201", "300", route.Number{Kind: route.Desk}, cut, true, route.Cut, "480"},
		{"of a dumb site", "gent", "301", "100", route.Number{Kind: route.Desk}, cut, true, route.Cut, "nothing"},
		{"unknown", "mons", "201", "", route.Number{Dial: "299"}, all, false, route.None, "404"},
		{"unknown, alone", "mons", "201", "", route.Number{Dial: "299"}, cut, true, route.None, "sip:200"},
		{"unknown to the operator", "mons", "200", "", route.Number{Dial: "299"}, cut, true, route.None, "404"},
		{"unknown, alone without an operator", "lab", "400", "", route.Number{Dial: "299"}, cut, true, route.None, "404"},
		{"a code, alone", "mons", "201", "", route.Number{Dial: "*98"}, cut, true, route.None, "480"},
		{"a code, alone and dumb", "gent", "301", "", route.Number{Dial: "*98"}, cut, true, route.None, "sip:300"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			view := system()
			caller, _ := view.User(tt.caller)
			callee, _ := view.User(tt.callee)
			phones := registered{"200": {{URI: "sip:200"}}, "300": {{URI: "sip:300"}}}
			c := &route.Call{View: view, Caller: caller, Callee: callee, Number: tt.number, Site: tt.site, Alone: tt.alone, Outcome: tt.outcome}
			want := tt.want
			if rest, ok := strings.CutPrefix(want, "to "); ok {
				want = "sip:" + rest
			}
			if got := said(All(phones, tt.nodes, ringing{}, states{}).Route(c)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			c.Incoming = true
			if got := said(All(phones, tt.nodes, ringing{}, states{}).Route(c)); strings.Contains(got, "@") && tt.number.Kind != route.Emergency {
				t.Errorf("from a carrier: got %s", got)
			}
		})
	}
}
