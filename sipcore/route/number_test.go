package route_test

import (
	"testing"

	"carillon/sipcore/route"
	"carillon/store"
)

func dialled() *store.View {
	return store.NewView(store.Config{
		Sites: []store.Site{
			{Name: "mons", Country: "+32"}, {Name: "hq", Country: "+32", Outside: "0"}, {Name: "york", Country: "+1", Outside: "9"}, {Name: "plain"},
		},
		Users: []store.User{
			{Number: "201", Direct: []string{"+3265551201"}}, {Number: "0112"}, {Number: "anna"}, {Number: "9001", Direct: []string{"+12125550100"}},
		},
	})
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		site, text string
		kind       route.Kind
		want       string // the user, or what a carrier is asked for
	}{
		{"mons", "201", route.Desk, "201"},
		{"mons", "anna", route.Desk, "anna"},
		{"mons", "+3265551201", route.Desk, "201"},
		{"mons", "003265551201", route.Desk, "201"},
		{"mons", "065551201", route.Desk, "201"},
		{"plain", "065551201", route.Unknown, "065551201"},
		{"plain", "003265551201", route.Desk, "201"},
		{"nowhere", "003265551201", route.Desk, "201"},
		{"hq", "0065551201", route.Desk, "201"},
		{"york", "92125550100", route.Outside, "2125550100"},
		{"york", "912125550100", route.Desk, "9001"},
		{"york", "12125550100", route.Desk, "9001"},
		{"york", "9001", route.Desk, "9001"},
		{"mons", "112", route.Emergency, "112"},
		{"mons", "911", route.Emergency, "911"},
		{"york", "9911", route.Emergency, "911"},
		{"hq", "0112", route.Desk, "0112"},
		{"hq", "0911", route.Emergency, "911"},
		{"mons", "0911", route.Unknown, "0911"},
		{"mons", "+442071838750", route.Outside, "+442071838750"},
		{"mons", "00442071838750", route.Outside, "+442071838750"},
		{"york", "011442071838750", route.Outside, "+442071838750"},
		{"york", "9011442071838750", route.Outside, "+442071838750"},
		{"mons", "022223344", route.Outside, "+3222223344"},
		{"hq", "0022223344", route.Outside, "+3222223344"}, // the first 0 is for a line
		{"hq", "000442071838750", route.Outside, "+442071838750"},
		{"hq", "01207", route.Outside, "1207"},
		{"mons", "1207", route.Unknown, "1207"},
		{"mons", "202", route.Unknown, "202"},
		{"mons", "0202", route.Unknown, "0202"},
		{"mons", "*98", route.Unknown, "*98"},
		{"mons", "bert", route.Unknown, "bert"},
		{"mons", "+bert", route.Unknown, "+bert"},
		{"mons", "+32 65 55 12 01", route.Unknown, "+32 65 55 12 01"},
		{"mons", "+1234567890123456", route.Unknown, "+1234567890123456"},
		{"mons", "+", route.Unknown, "+"},
		{"mons", "", route.Unknown, ""},
		{"hq", "0", route.Unknown, "0"},
	} {
		number, user := route.Read(dialled(), tt.site, tt.text)
		got := number.Dial
		if number.Kind == route.Desk {
			got = user.Number
		}
		if number.Kind != tt.kind || got != tt.want {
			t.Errorf("%q at %s: got %v %q, want %v %q", tt.text, tt.site, number.Kind, got, tt.kind, tt.want)
		}
	}
}

// No number of a carrier leads out again.
func TestReadFrom(t *testing.T) {
	for _, tt := range []struct{ text, user string }{
		{"201", "201"},
		{"+3265551201", "201"},
		{"3265551201", "201"},
		{"003265551201", "201"},
		{"065551201", "201"},
		{"anna", "anna"},
		{"112", ""},
		{"+442071838750", ""},
		{"022223344", ""},
		{"0442071838750", ""},
		{"*98", ""},
		{"", ""},
	} {
		number, user := route.ReadFrom(dialled(), "mons", tt.text)
		if user.Number != tt.user || number.Kind != route.Desk && number.Kind != route.Unknown {
			t.Errorf("%q: got %v for %q, want %q", tt.text, number, user.Number, tt.user)
		}
	}
}
