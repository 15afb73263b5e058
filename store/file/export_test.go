package file

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/store"
)

func TestExportChangesNothing(t *testing.T) {
	strange := store.Config{
		Domain: "tel.example.org",
		Sites: []store.Site{
			{Name: "null", Networks: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("10.0.0.0/8")}, CallsTrusted: true, Homing: store.MainFirst, Survivable: store.Dumb, Country: "+32", Outside: "*0", Operator: "0x10", Budget: 250, Address: netip.MustParsePrefix("2001:db8::7/64")},
			{Name: "10", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, DHCP: []store.Pool{{
				Network: netip.MustParsePrefix("192.0.2.0/25"), First: netip.MustParseAddr("192.0.2.20"), Last: netip.MustParseAddr("192.0.2.90"),
				Router: netip.MustParseAddr("192.0.2.1"), Lease: 90 * time.Minute,
				Reservations: []store.Reservation{{MAC: "00:15:65:12:34:56", Address: netip.MustParseAddr("192.0.2.20")}},
				Options:      []store.DHCPOption{{Code: 160, Values: []string{"https://x/\\ \"y\""}}, {Code: 42, Values: []string{"192.0.2.1", "192.0.2.2"}}},
				Vendors:      []store.Vendor{{Class: "yes", Options: []store.DHCPOption{{Code: 43, Values: []string{"hex:01"}}}}},
			}, {
				Network: netip.MustParsePrefix("192.0.2.128/25"), Reservations: []store.Reservation{{MAC: "00:15:65:12:34:56", Address: netip.MustParseAddr("192.0.2.130")}},
			}}},
			{Name: "floors", Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("2001:db8:1::/48")}, Profiles: []store.Profile{
				{Prefix: netip.MustParsePrefix("10.2.0.0/16"), Closed: true, Calls: store.Challenged, Location: `Rue "Neuve" 1, 2nd: floor # \ x`},
				{Prefix: netip.MustParsePrefix("2001:db8:1::/48"), Calls: store.Trusted, Transports: []string{"tls", "tcp"}, MostPhones: 40, MostCalls: 10},
			}},
			{Name: "-"},
		},
		Users: []store.User{
			{Number: "0x10", Name: `"quoted" \ and: # strange`, Site: "null", Calendar: store.Calendar{Address: "https://cal.example.net/%20a?b=c&d={e}", CalDAV: true, User: `"no" # '`, Password: store.NewSecret("s3cret")}},
			{Number: "#*1", Name: "yes", Site: "10", Direct: []string{"+3211", "+3212"}, Roams: true, Lamps: []string{"0x10", "-"}},
			{Number: "true", Name: "Ærøskøbing 東京 - x", Site: "-", Rules: []store.Rule{{State: "tv", To: "0x10"}, {State: "meeting", To: "#*1"}, {State: store.Offline, To: "+3299"}, {State: "away", To: "+3211"}}},
			{Number: "1e3", Name: "- a", Calendar: store.Calendar{Address: "http://[2001:db8::1]:80/x.ics"}},
			{Number: "~", Name: "a  b ", Calendar: store.Calendar{Elsewhere: true}},
			{Number: "_", Name: "{a}"},
			{Number: "-", Name: "a: b"},
			{Number: ".", Name: "'"},
			{Number: "..", Name: "@x"},
			{Number: "+1", Name: "%x"},
		},
		DNS: store.DNS{
			Resolvers: []store.Resolver{{Address: netip.MustParseAddr("2001:db8::1"), Site: "null"}, {Address: netip.MustParseAddr("10.0.0.1"), Site: "-"}},
			Forward:   []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::1]:53"), netip.MustParseAddrPort("10.0.0.1:5353")},
		},
		Trunks: []store.Trunk{{Name: "no", Site: "10", Address: "[2001:db8::1]:5060"}, {Name: "x", Site: "-", Address: "192.0.2.1", Transport: store.TCP}},

		Emergency: []string{"000", "112"},
		Pickup:    "#*8",
	}
	strange.Users = strange.Users[:len(strange.Users)-1]
	strange.Users[4].Number = "tilde"
	for i := range strange.Users {
		strange.Users[i].Digests = store.MakeDigests(strange.Users[i].Number, strange.Domain, "s3cret")
	}
	for name, c := range map[string]store.Config{
		"a strange one": strange, "an empty one": {Domain: "x"},
	} {
		view := store.NewView(c).At(7)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		text := Export(view)
		lines, err := Plan(view, parsed(t, string(text), view))
		if err != nil || len(lines) > 0 {
			t.Errorf("%s: got %v, %v, want no change:\n%s", name, lines, err, text)
		}
		next := after(t, string(text), view)
		if next.Hash() != view.Hash() {
			t.Errorf("%s: the hash is another", name)
		}
		if again := Export(next.At(7)); string(again) != string(text) {
			t.Errorf("%s: the export is another: %s", name, cmp.Diff(string(text), string(again)))
		}
		for _, u := range c.Users {
			if strings.Contains(string(text), u.Digests.MD5) || strings.Contains(string(text), u.Digests.SHA256) {
				t.Errorf("%s: digests are in the export", name)
			}
		}
	}
}
