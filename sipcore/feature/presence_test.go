package feature

import (
	"fmt"
	"strings"
	"testing"

	"carillon/sipcore/route"
	"carillon/store"
)

// states is what is told of users: an activity each, "closed" for who is not there; of
// anybody else, that he is open.
type states map[string]string

func (s states) PresenceOf(number string) Told {
	if s[number] == "closed" {
		return Told{Version: 7}
	}
	return Told{Activity: s[number], Open: true, Version: 7}
}

func (s states) OutFor(number string) int {
	if s[number+"'s calls"] == "out" {
		return 2
	}
	return 0
}

// sending is a system whose users have rules.
func sending() *store.View {
	return store.NewView(store.Config{
		Sites: []store.Site{{Name: "hq", Country: "+32", Operator: "boss"}, {Name: "gent", Survivable: store.Dumb}, {Name: "lab"}},
		Users: []store.User{
			{Number: "boss", Site: "hq", Direct: []string{"+3220"}, Rules: []store.Rule{
				{State: "meeting", To: "desk"}, {State: "away", To: "+32470123456"}, {State: "vacation", To: "bob"}, {State: store.Offline, To: "bob"},
			}},
			{Number: "desk", Site: "hq", Direct: []string{"+3221"}, Rules: []store.Rule{{State: "away", To: "boss"}, {State: "busy", To: "+3222"}}},
			{Number: "bob", Site: "hq", Direct: []string{"+3222"}, Rules: []store.Rule{{State: "vacation", To: "carol"}, {State: store.Offline, To: "carol"}}},
			{Number: "carol", Site: "gent", Rules: []store.Rule{{State: "vacation", To: "boss"}}},
			{Number: "off", Site: "hq", Rules: []store.Rule{{State: store.Offline, To: "bob"}}},
		},
		Trunks: []store.Trunk{{Name: "h", Site: "hq", Address: "192.0.2.1"}},
		Nodes:  []store.Node{{Name: "main", Role: store.Main, Site: "hq"}},
	})
}

// TestPresence: where calls go while something is told of whom they are for.
func TestPresence(t *testing.T) {
	nodes := standing{"hq": {"main"}, "lab": {"main"}}
	for _, tt := range []struct {
		name           string
		told           states
		caller, callee string
		change         func(*route.Call)
		want, path     string
	}{
		{"available", states{}, "carol", "boss", nil, "sip:boss", ""},
		{"no rule for it", states{"boss": "shopping"}, "carol", "boss", nil, "sip:boss", ""},
		{"in a meeting", states{"boss": "meeting"}, "carol", "boss", nil, "sip:desk", "boss meeting 7"},
		{"by a direct number", states{"desk": "busy"}, "carol", "desk", nil, "sip:bob", "desk busy 7"},
		{"away, to a number outside", states{"boss": "away"}, "carol", "boss", nil, "h@main as +3220", "boss away 7"},
		{"a chain", states{"boss": "vacation", "bob": "vacation"}, "desk", "boss", nil, "sip:carol", "boss vacation 7, bob vacation 7"},
		{"a circle of two ends at a phone", states{"boss": "meeting", "desk": "away"}, "carol", "boss", nil, "sip:desk", "boss meeting 7"},
		{"a circle of three ends at a phone", states{"boss": "vacation", "bob": "vacation", "carol": "vacation"}, "desk", "boss", nil, "sip:carol", "boss vacation 7, bob vacation 7"},
		{"the assistant reaches him", states{"boss": "meeting"}, "desk", "boss", nil, "sip:boss", ""},
		{"who calls is at the end of a chain", states{"boss": "vacation", "bob": "vacation"}, "carol", "boss", nil, "sip:bob", "boss vacation 7"},
		{"himself", states{"boss": "meeting"}, "boss", "boss", nil, "sip:boss", ""},
		{"not a call, or one that replaces another", states{"boss": "meeting"}, "carol", "boss", func(c *route.Call) { c.Direct = true }, "sip:boss", ""},
		{"closed", states{"boss": "closed"}, "carol", "boss", nil, "sip:bob", "boss offline 7"},
		{"no phone is registered", states{}, "carol", "off", nil, "sip:bob", "off offline 7"},
		{"no phone was reached", states{}, "carol", "boss", func(c *route.Call) { c.Outcome = route.Offline }, "sip:bob", "boss offline 7"},
		{"nor its node", states{}, "carol", "boss", func(c *route.Call) { c.Outcome = route.Cut }, "sip:bob", "boss offline 7"},
		{"it was busy", states{"boss": "meeting"}, "carol", "boss", func(c *route.Call) { c.Outcome = route.Busy }, "nothing", ""},
		{"a carrier's call goes out", states{"boss": "away"}, "", "boss", func(c *route.Call) { c.Incoming, c.Site = true, "hq" }, "h@main as +3220", "boss away 7"},
		{"but not to who calls", states{"boss": "away"}, "", "boss", func(c *route.Call) { c.Incoming, c.Site, c.From = true, "hq", "0470123456" }, "sip:boss", ""},
		{"nor while two of his are out", states{"boss": "away", "boss's calls": "out"}, "", "boss", func(c *route.Call) { c.Incoming, c.Site = true, "hq" }, "sip:boss", ""},
		{"a dumb site that is alone", states{"boss": "meeting"}, "carol", "boss", func(c *route.Call) { c.Alone, c.Site = true, "gent" }, "sip:boss", ""},
		{"the operator, who is called for help", states{"boss": "meeting"}, "carol", "", func(c *route.Call) {
			c.Number, c.Outcome = route.Number{Kind: route.Emergency, Dial: "112"}, route.Failed
		}, "sip:boss", ""},
		{"the operator of an unknown number", states{"boss": "meeting"}, "carol", "", func(c *route.Call) { c.Number, c.Alone = route.Number{Dial: "299"}, true }, "sip:desk", "  0, boss meeting 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			view := sending()
			caller, _ := view.User(tt.caller)
			callee, _ := view.User(tt.callee)
			phones := registered{}
			for u := range view.Users() {
				if u.Number != "off" {
					phones[u.Number] = []route.Target{{URI: "sip:" + u.Number}}
				}
			}
			c := &route.Call{View: view, Caller: caller, Callee: callee, Number: route.Number{Kind: route.Desk}, Site: "hq"}
			if tt.change != nil {
				tt.change(c)
			}
			v := All(phones, nodes, ringing{}, tt.told).Route(c)
			if got := said(v); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := pathOf(v); got != tt.path {
				t.Errorf("the path is %q, want %q", got, tt.path)
			}
		})
	}
}

func pathOf(v route.Verdict) string {
	ring, _ := v.(route.Ring)
	if ring.Call == nil {
		return ""
	}
	var all []string
	for _, d := range ring.Call.Path {
		all = append(all, fmt.Sprintf("%s %s %d", d.Number, d.State, d.Version))
	}
	return strings.Join(all, ", ")
}

// TestWithoutALine: who has gone out of reach of the line is called at his desk.
func TestWithoutALine(t *testing.T) {
	view := sending()
	callee, _ := view.User("boss")
	c := &route.Call{View: view, Callee: callee, Number: route.Number{Kind: route.Desk}, Site: "lab", Alone: true}
	v := All(registered{"boss": {{URI: "sip:boss"}}}, standing{}, ringing{}, states{"boss": "away"}).Route(c)
	if got := said(v); got != "sip:boss" {
		t.Errorf("got %s", got)
	}
}

// TestALongChainEnds: of many who stand in for each other, some phone rings.
func TestALongChainEnds(t *testing.T) {
	var c store.Config
	told := states{}
	for i := range 100 {
		n := fmt.Sprint(i)
		c.Users = append(c.Users, store.User{Number: n, Rules: []store.Rule{{State: "away", To: fmt.Sprint(i + 1)}}})
		told[n] = "away"
	}
	view := store.NewView(c)
	callee, _ := view.User("0")
	phones := registered{"8": {{URI: "sip:8"}}}
	v := All(phones, standing{}, ringing{}, told).Route(&route.Call{View: view, Callee: callee, Number: route.Number{Kind: route.Desk}})
	if got := said(v); got != "sip:8" {
		t.Errorf("got %s", got)
	}
}
