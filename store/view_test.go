package store

import (
	"net/netip"
	"slices"
	"testing"
)

func prefixes(all ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range all {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// example is a small but complete configuration.
func example() Config {
	return Config{
		Domain: "tel.example.org",
		Sites: []Site{
			{Name: "hq", Networks: prefixes("172.30.42.0/24", "10.0.0.0/8"), CallsTrusted: true},
			{Name: "mons", Networks: prefixes("10.9.0.0/16", "2001:db8::/32"), Operator: "200", Homing: MainFirst},
		},
		Users: []User{
			{Number: "200", Name: "Reception", Site: "mons", Digests: MakeDigests("200", "tel.example.org", "a")},
			{Number: "alice", Name: "Alice Martin", Site: "hq", Direct: []string{"+3265551201", "+3265551202"}},
		},
		Trunks: []Trunk{{Name: "isdn", Site: "mons", Address: "192.0.2.9:5060"}},
	}
}

func TestViewFinds(t *testing.T) {
	v := NewView(example())
	if u, ok := v.User("alice"); !ok || u.Name != "Alice Martin" {
		t.Errorf("got %v, %v", u, ok)
	}
	if u, ok := v.UserByDirect("+3265551202"); !ok || u.Number != "alice" {
		t.Errorf("got %v, %v", u, ok)
	}
	if s, ok := v.Site("hq"); !ok || s.Homing != LocalFirst || s.Survivable != Standard {
		t.Errorf("got %v, %v, want the defaults written out", s, ok)
	}
	for _, absent := range []string{"", "Alice", "+3265551201"} {
		if u, ok := v.User(absent); ok {
			t.Errorf("%q: got %v, want nobody", absent, u)
		}
	}
	if got := len(slices.Collect(v.Users())) + len(slices.Collect(v.Sites())) + len(slices.Collect(v.Trunks())); got != 5 {
		t.Errorf("got %d elements, want 5", got)
	}
}

func TestViewIsLocal(t *testing.T) {
	v := NewView(example())
	for host, want := range map[string]bool{
		"tel.example.org": true, "TEL.Example.Org": true, "tel.example.org.": true,
		"example.org": false, "": false, "192.0.2.1": false,
	} {
		if got := v.IsLocal(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
	if NewView(Config{}).IsLocal("") {
		t.Error("nothing is the domain of an empty View")
	}
}

func TestHashIsOfTheContent(t *testing.T) {
	v := NewView(example())
	same := example()
	same.Sites[0].Homing, same.Sites[0].Survivable = LocalFirst, Standard
	same.Users[0].Direct = []string{}
	if got, want := NewView(same).At(9).Hash(), v.Hash(); got != want || len(got) != 32 {
		t.Errorf("the same content: got %s, want %s", got, want)
	}
	seen := map[string]string{v.Hash(): "the first"}
	for name, change := range map[string]func(*Config){
		"domain":      func(c *Config) { c.Domain = "x" },
		"network":     func(c *Config) { c.Sites[0].Networks = c.Sites[0].Networks[:1] },
		"trusted":     func(c *Config) { c.Sites[0].CallsTrusted = false },
		"order":       func(c *Config) { slices.Reverse(c.Users) },
		"no password": func(c *Config) { c.Users[0].Digests = Digests{} },
		"password of nobody's user": func(c *Config) {
			c.Users[1].Site, c.Users[1].Digests = "", MakeDigests("alice", c.Domain, "b")
		},
		"direct": func(c *Config) { c.Users[1].Direct = c.Users[1].Direct[:1] },
		"trunk":  func(c *Config) { c.Trunks = nil },
	} {
		c := example()
		change(&c)
		h := NewView(c).Hash()
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
	other := example()
	other.Users[0].Digests = MakeDigests("200", other.Domain, "b")
	if NewView(other).Hash() != v.Hash() {
		t.Error("the hash tells of a digest that not all nodes have")
	}
}

func TestViewIsImmutable(t *testing.T) {
	v := NewView(example())
	before := v.Hash()
	c := v.Config()
	c.Users[0].Name, c.Sites[0].Name, c.Trunks[0].Name = "x", "x", "x"
	if _, ok := v.Site("hq"); !ok || NewView(v.Config()).Hash() != before {
		t.Error("a change of what Config returned has changed the View")
	}
}

func TestMakeDigests(t *testing.T) {
	// By md5sum and sha256sum of user:realm:password (the example of RFC 7616 3.9.1).
	got := MakeDigests("Mufasa", "http-auth@example.org", "Circle of Life")
	want := Digests{
		MD5:    "3d78807defe7de2157e2b0b6573a855f",
		SHA256: "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func BenchmarkNetwork(b *testing.B) {
	v, a := NewView(example()), netip.MustParseAddr("10.9.0.1")
	for b.Loop() {
		v.Network(a)
	}
}
