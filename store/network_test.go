package store

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// floors is a site whose networks have profiles of their own, one within another.
func floors() Config {
	all := prefixes("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "2001:db8::/32")
	return Config{
		Domain: "tel.example.org",
		Sites: []Site{{Name: "hq", Networks: all, CallsTrusted: true, Profiles: []Profile{
			{Prefix: all[1], Closed: true, Calls: Challenged, Location: "Rue Neuve 1"},
			{Prefix: all[2], Transports: []string{"tls", "wss"}, MostPhones: 4, MostCalls: 2, Location: "Rue Neuve 1, 2nd floor"},
		}}, {Name: "mons", Networks: prefixes("10.1.2.3/32")}},
		Users: []User{{Number: "201", Site: "hq"}, {Number: "202", Site: "hq", Roams: true}},
	}
}

func TestViewNetwork(t *testing.T) {
	hq := func(prefix string) Network {
		return Network{Prefix: netip.MustParsePrefix(prefix), Site: "hq", Known: true, Registers: true, CallsTrusted: true}
	}
	closed := hq("10.1.0.0/16")
	closed.Registers, closed.CallsTrusted, closed.Location = false, false, "Rue Neuve 1"
	floor := hq("10.1.2.0/24")
	floor.transports, floor.MostPhones, floor.MostCalls, floor.Location = " tls wss ", 4, 2, "Rue Neuve 1, 2nd floor"
	tests := []struct {
		name, address string
		want          Network
	}{
		{"the shortest prefix", "10.8.255.255", hq("10.0.0.0/8")},
		{"one within it, closed", "10.1.255.1", closed},
		{"one within that, which takes nothing from it", "10.1.2.1", floor},
		{"one address, another site's", "10.1.2.3", Network{Prefix: netip.MustParsePrefix("10.1.2.3/32"), Site: "mons", Known: true, Registers: true}},
		{"IPv6", "2001:db8::1", hq("2001:db8::/32")},
		{"IPv6 with a zone", "2001:db8::1%eth0", hq("2001:db8::/32")},
		{"IPv4 in IPv6", "::ffff:10.1.2.1", floor},
		{"nobody's", "192.0.2.1", Network{}},
		{"nobody's IPv6", "2001:db9::1", Network{}},
	}
	v := NewView(floors())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := v.Network(netip.MustParseAddr(tt.address)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if got := v.Network(netip.Addr{}); got.Known || got.Registers {
		t.Errorf("no address: got %+v", got)
	}
	anywhere := NewView(Config{Sites: []Site{{Name: "hq"}}})
	if got := anywhere.Network(netip.MustParseAddr("192.0.2.1")); got != (Network{Known: true, Registers: true}) {
		t.Errorf("without networks: got %+v, want known", got)
	}
}

func TestViewAdmits(t *testing.T) {
	v := NewView(floors())
	tests := []struct{ name, user, address, transport, want string }{
		{"a network", "201", "10.8.0.1", "udp", ""},
		{"a closed one", "201", "10.1.9.9", "udp", "Network Not Allowed"},
		{"nobody's", "201", "192.0.2.1", "tls", "Network Not Allowed"},
		{"a transport of few", "201", "10.1.2.1", "tls", ""},
		{"none of them", "201", "10.1.2.1", "tcp", "Transport Not Allowed In This Network"},
		{"nobody in particular", "", "192.0.2.1", "tcp", "Network Not Allowed"},
		{"a user there is not", "999", "192.0.2.1", "tcp", "Network Not Allowed"},
		{"who roams", "202", "192.0.2.1", "udp", ""},
		{"who roams, in a closed network", "202", "10.1.9.9", "udp", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := v.Admits(tt.user, netip.MustParseAddr(tt.address), tt.transport); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := NewView(Config{}).Admits("201", netip.MustParseAddr("192.0.2.1"), "udp"); got != "" {
		t.Errorf("without networks: got %q", got)
	}
}

// What networks have of their own travels, shows in plan and hash, and is not a
// witness's business.
func TestProfilesTravel(t *testing.T) {
	v := NewView(floors())
	b, err := EncodeConfig(v.Config())
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeConfig(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.Config(), got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	plain := floors()
	plain.Sites[0].Profiles, plain.Users[1].Roams = nil, false
	was := NewView(plain)
	if was.Hash() == v.Hash() {
		t.Error("the hash is the same without them")
	}
	want := []string{
		`~ site hq: networks 10.0.0.0/8 10.1.0.0/16 10.1.2.0/24 2001:db8::/32 -> 10.0.0.0/8 10.1.0.0/16 (no registrations, calls challenged, at "Rue Neuve 1")` +
			` 10.1.2.0/24 (only tls and wss, at most 4 phones, at most 2 calls, at "Rue Neuve 1, 2nd floor") 2001:db8::/32`,
		"~ user 202: roams (none) -> yes",
	}
	if diff := cmp.Diff(want, each(Diff(was, v), Line.String)); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	for _, s := range v.Bare().Sites {
		if len(s.Profiles) > 0 {
			t.Errorf("a witness has the profiles of %s", s.Name)
		}
	}
	if s, _ := v.Site("hq"); len(s.Profiles) != 2 {
		t.Error("and the others have them no more")
	}
}

func TestDrain(t *testing.T) {
	c := floors()
	at := func(i byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i}), 7946) }
	c.Nodes = []Node{
		{Name: "hardy", Role: Main, Address: at(2)},
		{Name: "laurel", Role: Main, Address: at(1)},
		{Name: "mons-lg", Role: Lifeguard, Site: "mons", Address: at(3)},
		{Name: "stan", Role: Witness, Address: at(4)},
	}
	v := NewView(c)
	steps := []struct {
		change Drain
		want   string // the refusal
	}{
		{Drain{Name: "nobody"}, `there is no node "nobody": ` + "`carillon members` lists them"},
		{Drain{Name: "stan"}, "stan is a witness: no phone is there"},
		{Drain{Name: "mons-lg"}, ""},
		{Drain{Name: "laurel"}, ""},
		{Drain{Name: "laurel"}, ""}, // again
		{Drain{Name: "hardy"}, "hardy cannot be drained: no other main would be left for its phones"},
		{Drain{Name: "laurel", Off: true}, ""},
		{Drain{Name: "hardy"}, ""},
	}
	for i, s := range steps {
		b, err := EncodeChange(s.change)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := DecodeChange(b)
		if err != nil {
			t.Fatal(err)
		}
		next, err := decoded.On(v)
		if got := words(err); got != s.want {
			t.Fatalf("step %d: got %q, want %q", i, got, s.want)
		}
		if err != nil {
			continue
		}
		v = next
		if n, _ := v.Node(s.change.Name); n.Drained == s.change.Off {
			t.Errorf("step %d: got %+v", i, n)
		}
	}
	moved, _ := v.Node("hardy")
	moved.Address, moved.Drained = at(9), false
	if v, _ = (SetNode{Node: moved}).On(v); !v.config.Nodes[0].Drained {
		t.Error("what a node says of itself ends its draining")
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
