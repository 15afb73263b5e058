package store

import (
	"net/netip"
	"strings"
	"testing"
)

// TestRemarks: what is new and may surprise is said once, when it comes.
func TestRemarks(t *testing.T) {
	office, guests := netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("10.0.9.0/24")
	trunk := []Trunk{{Name: "isdn", Site: "mons", Address: "10.0.0.9:5060"}}
	far := []Trunk{{Name: "sip", Site: "mons", Address: "192.0.2.9"}}
	site := func(trusted bool, profiles ...Profile) []Site {
		return []Site{{Name: "mons", Networks: []netip.Prefix{office, guests}, CallsTrusted: trusted, Profiles: profiles}}
	}
	inside := "! trunk isdn: 10.0.0.9 is in a network of site mons"
	for _, tt := range []struct {
		name      string
		old, next Config
		want      string
	}{
		{"a trunk among the phones", Config{Sites: site(false)}, Config{Sites: site(false), Trunks: trunk}, inside},
		{"a network around a trunk", Config{Sites: []Site{{Name: "mons"}}, Trunks: trunk}, Config{Sites: site(false), Trunks: trunk}, inside},
		{"it is known", Config{Sites: site(false), Trunks: trunk}, Config{Sites: site(false), Trunks: trunk}, ""},
		{"a trunk elsewhere", Config{Sites: site(false)}, Config{Sites: site(false), Trunks: far}, ""},
		{"no networks", Config{}, Config{Sites: []Site{{Name: "mons"}}, Trunks: trunk}, ""},
		{"calls are trusted", Config{Sites: site(true)}, Config{Sites: site(true), Trunks: far}, "! site mons: calls from 10.0.0.0/16 10.0.9.0/24 are trusted, over UDP too"},
		{"of one network", Config{Sites: site(false), Trunks: far}, Config{Sites: site(false, Profile{Prefix: guests, Calls: Trusted}), Trunks: far}, "! site mons: calls from 10.0.9.0/24 are trusted"},
		{"not over UDP", Config{}, Config{Sites: site(false, Profile{Prefix: guests, Calls: Trusted, Transports: []string{"tls"}}), Trunks: far}, ""},
		{"without a trunk", Config{}, Config{Sites: site(true)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []string
			for _, l := range Remarks(NewView(tt.old), NewView(tt.next)) {
				all = append(all, l.String())
			}
			if got := strings.Join(all, "\n"); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || strings.Contains(got, "\n") {
				t.Errorf("got %q, want one that begins %q", got, tt.want)
			}
		})
	}
}
