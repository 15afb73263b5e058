package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"carillon/store"
)

// All 16 combinations of what is known of a user, in every order in which it can
// have become known, under two orders of the settings: the algorithm of the deck.
func TestMerge(t *testing.T) {
	sources := []struct {
		name string
		says Presence
	}{
		{"dialog", Presence{Kind: FromDialog, Open: true, Activity: OnThePhone}},
		{"primary", Presence{Kind: FromPublish, ID: "cal", Source: "calendar", Fixed: true, Open: true, Activity: Meeting, Stamp: 1}},
		{"publish", Presence{Kind: FromPublish, ID: "snom", Source: "snom", Open: true, Activity: Away, Stamp: 2}},
		{"usrloc", Presence{Kind: FromRegistration, Open: true}},
	}
	for _, order := range []string{"dialog primary publish usrloc", "primary dialog publish usrloc"} {
		s := DefaultSettings()
		s.MergePrimarySource, s.Order = "Calendar", kindsOf(t, order)
		for mask := range 1 << len(sources) {
			var said []Presence
			want := Presence{}
			for _, name := range slices.Backward(strings.Fields(order)) {
				i := slices.IndexFunc(sources, func(x struct {
					name string
					says Presence
				},
				) bool {
					return x.name == name
				})
				if mask&(1<<i) != 0 {
					said = append(said, sources[i].says)
					want = sources[i].says
				}
			}
			everyOrder(said, func(said []Presence) {
				got := s.State(said)
				if first := got.First(); !first.tells(&want) || len(got.Tuples) != min(1, len(said)) {
					t.Errorf("%s, of %s: got %+v, want %q", order, fmt.Sprint(said), got, want.Activity)
				}
				apart := s
				apart.Merge = false
				if got := apart.State(said); len(got.Tuples) != len(said) || len(said) > 0 && !got.Tuples[0].tells(&want) {
					t.Errorf("%s, composed: got %+v of %d", order, got, len(said))
				}
			})
		}
	}
}

func kindsOf(t *testing.T, words string) (kinds []SourceKind) {
	t.Helper()
	for w := range strings.FieldsSeq(words) {
		k, ok := SourceKindOf(w)
		if !ok {
			t.Fatalf("%q is no kind of source", w)
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// everyOrder calls f with each permutation of list.
func everyOrder(list []Presence, f func([]Presence)) {
	var swap func(int)
	swap = func(n int) {
		if n >= len(list) {
			f(slices.Clone(list))
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			swap(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	swap(0)
}

// Of what is published the last counts, and of what was published at the same
// moment one, whoever asks.
func TestTheLastPublicationCounts(t *testing.T) {
	s := DefaultSettings()
	old := Presence{Kind: FromPublish, ID: "z", Node: "laurel", Activity: Away, Stamp: 1}
	a := Presence{Kind: FromPublish, ID: "a", Node: "laurel", Activity: Busy, Stamp: 2}
	b := Presence{Kind: FromPublish, ID: "b", Node: "hardy", Activity: Vacation, Stamp: 2}
	everyOrder([]Presence{old, a, b}, func(said []Presence) {
		if got := s.State(said).First().Activity; got != Vacation {
			t.Errorf("got %q", got)
		}
	})
	gone := b
	gone.Node, gone.Stamp, gone.Gone = "laurel", 3, true
	everyOrder([]Presence{a, b, gone}, func(said []Presence) {
		if got := s.State(said).First().Activity; got != Busy {
			t.Errorf("after b was withdrawn at another node: got %q", got)
		}
	})
}

func TestPrimarySource(t *testing.T) {
	for _, c := range []struct {
		setting string
		of      Presence
		want    bool
	}{
		{"", Presence{}, false},
		{"", Presence{Source: "web"}, false},
		{"web", Presence{Source: "Web"}, true},
		{"calendar", Presence{Source: "calendar", Fixed: true}, true},
		{"calendar", Presence{Source: "calendar2"}, false},
		{"/^SNOM.*785/", Presence{Source: "snomD785/10.1"}, true},
		{"/^snom[0-9]/", Presence{Source: "snom760"}, true},
		{"/yealink/", Presence{Source: "snom760"}, false},
		{"/", Presence{Source: "/"}, true},

		{"calendar", Presence{Source: "Calendar"}, false}, // a phone
		{"api", Presence{Source: "api"}, false},
		{"api", Presence{Source: "api", Fixed: true}, true},
		{"/^(api|calendar)$/", Presence{Source: "api"}, false},
		{"/^(api|calendar)$/", Presence{Source: "api", Fixed: true}, true},

		{"sip:desk@tel.test", Presence{User: "201", By: "desk"}, true},
		{"sip:desk@tel.test", Presence{User: "desk"}, true},
		{"sip:desk@tel.test", Presence{User: "desk", By: "201"}, false},
		{"sip:desk@tel.test", Presence{User: "201", Source: "sip:desk@tel.test"}, false}, // a phone
		{"sip:desk@tel.test", Presence{User: "desk", Source: "calendar", Fixed: true}, false},
		{"desk", Presence{User: "201", By: "desk"}, false},
	} {
		s, err := SettingsOf(store.Presence{PrimarySource: c.setting, Order: store.PresenceSources()}).Compiled()
		c.of.Kind, c.of.ID = FromPublish, "x"
		got := s.State([]Presence{c.of}).First().Kind == FromPrimary
		if err != nil || got != c.want {
			t.Errorf("%+v of %q: got %t (%v), want %t", c.of, c.setting, got, err, c.want)
		}
	}
	bad := Settings{MergePrimarySource: "/(/"}
	if _, err := bad.Compiled(); err == nil {
		t.Error("a regular expression that is none is taken")
	}
}

// What a Snom says becomes an activity, unless the settings leave it as it came.
func TestImToRPIDF(t *testing.T) {
	for _, c := range []struct{ im, activity, note string }{
		{"busy", "busy", ""},
		{"Away", "away", ""},
		{"on-the-phone", "on-the-phone", ""},
		{"meeting", "meeting", ""},
		{"vacation", "vacation", ""},
		{"online", "", ""},
		{"Gone fishing", "other", "Gone fishing"},
	} {
		says := Presence{Kind: FromPublish, ID: "x", Open: true, IM: c.im}
		s := DefaultSettings()
		if got := s.State([]Presence{says}).First(); got.Activity != c.activity || got.Note != c.note || got.IM != "" {
			t.Errorf("%q becomes %+v", c.im, got)
		}
		s.ImToRPIDF = false
		if got := s.State([]Presence{says}).First(); got != says {
			t.Errorf("%q is passed on as %+v", c.im, got)
		}
	}
}

func TestMixDialogPresence(t *testing.T) {
	s := DefaultSettings()
	s.MixDialogPresence = false
	said := []Presence{{Kind: FromDialog, Activity: OnThePhone}, {Kind: FromRegistration, Open: true}}
	if got := s.State(said); got.First().Kind != FromRegistration || len(got.Tuples) != 1 {
		t.Errorf("got %+v", got)
	}
}
