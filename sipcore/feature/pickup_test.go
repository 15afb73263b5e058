package feature

import (
	"testing"
	"time"

	"carillon/sipcore/route"
	"carillon/store"
)

// ringing are the calls of users, by number.
type ringing map[string][]route.Talk

func (r ringing) CallsOf(number string) []route.Talk { return append([]route.Talk{}, r[number]...) }

func TestPickup(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	alice := route.Party{User: "200", Number: "200"}
	calls := ringing{
		"201": {
			{Node: "a", CallID: "late", LocalTag: "l1", RemoteTag: "r1", Called: true, Rings: true, Since: at(2), Other: alice},
			{Node: "a", CallID: "first", LocalTag: "l2", RemoteTag: "r2", Called: true, Rings: true, Since: at(1), Other: alice},
			{Node: "x", CallID: "old", LocalTag: "l3", RemoteTag: "r3", Called: true, Rings: true, Since: at(0), Old: true, Other: alice},
			{Node: "b", CallID: "talk", LocalTag: "l4", RemoteTag: "r4", Called: true, Since: at(0), Other: alice},
			{Node: "b", CallID: "out", LocalTag: "l5", RemoteTag: "r5", Rings: true, Since: at(0)},
		},
		// alice talks with 201, and with 203 who has picked up what she had dialled
		"200": {
			{Node: "b", CallID: "talk", LocalTag: "r4", RemoteTag: "l4", Other: route.Party{User: "201", Number: "201"}},
			{Node: "a", CallID: "picked", LocalTag: "r6", RemoteTag: "l6", Called: true, Other: route.Party{Number: "299"}},
		},
		"203": {{Node: "a", CallID: "picked", LocalTag: "l6", RemoteTag: "r6", Other: route.Party{Number: "298"}}},
		"204": {{Node: "a", CallID: "with alice", Called: true, Other: alice}},
		"205": {{Node: "a", CallID: "rings", Rings: true, Other: alice}},
		"206": {{Node: "a", CallID: "feigned", Called: true, Other: route.Party{Number: "200"}}},
		"207": {{Node: "x", CallID: "talk", LocalTag: "r4", RemoteTag: "l4", Other: route.Party{User: "207", Number: "207"}}},
	}
	view := store.NewView(store.Config{Users: []store.User{
		{Number: "200"},
		{Number: "201", Direct: []string{"+3265551201"}},
		{Number: "202"},
		{Number: "203"},
		{Number: "204"},
		{Number: "205"},
		{Number: "206"},
		{Number: "207"},
	}})
	named := func(callID, to, from string) *route.Replaces {
		return &route.Replaces{CallID: callID, ToTag: to, FromTag: from}
	}
	early := func(r *route.Replaces) *route.Replaces { r.EarlyOnly = true; return r }
	referred := func(r *route.Replaces) *route.Replaces { r.Referred = true; return r }
	for _, tt := range []struct {
		name     string
		by, dial string
		replaces *route.Replaces
		incoming bool
		want     string // the call that is taken, a status, or nothing
	}{
		{"from the lamp", "202", "201", named("late", "l1", "r1"), false, "late"},
		{"from the lamp, the tags the other way round", "202", "201", named("late", "r1", "l1"), false, "late"},
		{"a tag is 0", "202", "201", named("late", "0", "r1"), false, "late"},
		{"a tag is missing", "202", "201", named("late", "l1", ""), false, "late"},
		{"no tag at all", "202", "201", named("late", "", ""), false, "late"},
		{"of two that ring it is the one that is named", "202", "201", early(named("first", "l2", "r2")), false, "first"},
		{"the tag of another call, early-only", "202", "201", early(named("late", "l2", "r1")), false, "481"},
		{"the tag of another call", "202", "201", named("late", "l2", "r1"), false, ""},
		{"no such call, early-only", "202", "201", early(named("gone", "l1", "r1")), false, "481"},
		{"no such call here: the phone decides", "202", "201", named("gone", "l1", "r1"), false, ""},
		{"no such call, of a carrier's caller who is transferred", "", "201", early(named("gone", "l1", "r1")), true, ""},
		{"it rings still: who is transferred does not pick it up", "204", "201", referred(named("late", "l1", "r1")), false, ""},
		{"referred to what rings, early-only", "202", "201", early(referred(named("late", "l1", "r1"))), false, "late"},
		{"answered, and early-only", "202", "201", early(named("talk", "l4", "r4")), false, "486"},
		{"answered, by somebody else", "202", "201", named("talk", "l4", "r4"), false, "403"},
		{"answered, by somebody who says that he was referred", "202", "201", referred(named("talk", "l4", "r4")), false, "403"},
		{"answered, by a stranger", "", "201", named("talk", "l4", "r4"), false, "403"},
		{"answered, without tags", "202", "201", named("talk", "", ""), false, "403"},
		{"answered: alice has transferred whom she talks with", "204", "201", named("talk", "l4", "r4"), false, ""},
		{"answered: alice has transferred who had picked up", "203", "201", named("talk", "l4", "r4"), false, ""},
		{"answered: a phone of alice rings alone", "205", "201", named("talk", "l4", "r4"), false, "403"},
		{"answered: called by a stranger who names himself alice", "206", "201", named("talk", "l4", "r4"), false, "403"},
		{"answered: he has made a call of the same name", "207", "201", named("talk", "l4", "r4"), false, "403"},
		{"answered: alice takes it to her other phone", "200", "201", named("talk", "l4", "r4"), false, ""},
		{"answered: a carrier's caller who is transferred", "", "201", named("talk", "l4", "r4"), true, ""},
		{"one that the desk makes", "202", "201", named("out", "l5", "r5"), false, ""},
		{"by a stranger", "", "201", named("late", "l1", "r1"), false, "403"},
		{"by a carrier", "", "201", named("late", "l1", "r1"), true, "403"},
		{"by the caller", "200", "201", named("late", "l1", "r1"), false, "403"},
		{"by code: the one that rings longest", "202", "**201", nil, false, "first"},
		{"by code and direct number", "202", "**+3265551201", nil, false, "first"},
		{"by code, and the call is named too", "202", "**201", named("late", "l1", "r1"), false, "first"},
		{"by code, nothing rings", "201", "**202", nil, false, "404"},
		{"by code, nobody has the number", "202", "**999", nil, false, "404"},
		{"by code, a stranger", "", "**201", nil, false, "403"},
		{"the code alone", "202", "**", nil, false, ""},
		{"by code, a carrier", "", "**201", nil, true, ""},
		{"just a call", "202", "201", nil, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			caller, _ := view.User(tt.by)
			number, callee := route.Read(view, "", tt.dial)
			c := &route.Call{View: view, Caller: caller, Callee: callee, Number: number, Replaces: tt.replaces, Incoming: tt.incoming}
			got := ""
			switch v := (Pickup{calls}).Route(c).(type) {
			case route.Take:
				got = v.Talk.CallID
			case route.Reject:
				got = said(v)[:3]
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPickupHasOneIdea(t *testing.T) {
	view := store.NewView(store.Config{
		Pickup: "*8", Users: []store.User{{Number: "201"}, {Number: "202"}},
		Sites: []store.Site{{Name: "dumb", Survivable: store.Dumb}},
	})
	calls := ringing{"201": {{CallID: "one", Called: true, Rings: true}}}
	caller, _ := view.User("202")
	c := route.Call{View: view, Caller: caller, Number: route.Number{Dial: "*8201"}}
	if v := (Pickup{calls}).Route(&c); v == nil {
		t.Error("the code of the configuration is none")
	}
	c.Outcome = route.Failed
	if v := (Pickup{calls}).Route(&c); v != nil {
		t.Errorf("asked again: %v", v)
	}
	c.Outcome, c.Site, c.Alone = route.None, "dumb", true
	if v := (Pickup{calls}).Route(&c); v != nil {
		t.Errorf("the profile dumb: %v", v)
	}
}
