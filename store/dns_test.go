package store

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Who asks for whom, and who is asked, comes through the log and the disk; a file
// that does not say keeps it.
func TestDNSTravels(t *testing.T) {
	want := DNS{
		Resolvers: []Resolver{{Address: netip.MustParseAddr("10.0.0.53"), Site: "mons"}, {Address: netip.MustParseAddr("2001:db8::53")}},
		Forward:   []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")},
	}
	v := NewView(Config{Domain: "tel.example.org", Sites: []Site{{Name: "mons"}}})
	for _, r := range []Replace{{DNS: &want}, {Trunks: []Trunk{}}, ReplaceAll(Config{Domain: v.Domain(), Sites: []Site{{Name: "mons"}}, DNS: want}, Author{})} {
		b, err := EncodeChange(r)
		if err != nil {
			t.Fatal(err)
		}
		c, err := DecodeChange(b)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = c.On(v); err != nil {
			t.Fatal(err)
		}
		b, err = EncodeConfig(v.Config())
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeConfig(b)
		if diff := cmp.Diff(want, got.DNS, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); err != nil || diff != "" {
			t.Errorf("%+v: %v (-want +got):\n%s", r, err, diff)
		}
	}
	for at, site := range map[string]string{"10.0.0.53": "mons", "::ffff:10.0.0.53": "mons", "2001:db8::53": ""} {
		if r, found := v.Resolver(netip.MustParseAddr(at)); !found || r.Site != site {
			t.Errorf("%s: got %v, %v, want the resolver of %q", at, r, found, site)
		}
	}
	if r, found := v.Resolver(netip.MustParseAddr("10.0.0.54")); found {
		t.Errorf("a neighbour of a resolver: got %v", r)
	}
}
