package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReplaceReplacesWhatItContains(t *testing.T) {
	domain := "tel.example.org"
	tests := []struct {
		name   string
		change Replace
		want   func(*Config)
	}{
		{"nothing", Replace{}, func(*Config) {}},
		{"the same domain", Replace{Domain: &domain}, func(*Config) {}},
		{"trunks", Replace{Trunks: []Trunk{}}, func(c *Config) { c.Trunks = nil }},
		{
			"users, and keeps digests",
			Replace{Users: []User{{Number: "200", Site: "hq"}}},
			func(c *Config) { c.Users = []User{{Number: "200", Site: "hq", Digests: c.Users[0].Digests}} },
		},
		{
			"users and brings digests",
			Replace{Realm: domain, Users: []User{{Number: "200", Digests: MakeDigests("200", domain, "z")}}},
			func(c *Config) { c.Users = []User{{Number: "200", Digests: MakeDigests("200", domain, "z")}} },
		},
		{
			"sites",
			Replace{Sites: []Site{{Name: "mons"}, {Name: "hq"}}},
			func(c *Config) { c.Sites = []Site{{Name: "mons"}, {Name: "hq"}} },
		},
		{"all", ReplaceAll(Config{Domain: "other.example"}, Author{}), func(c *Config) { *c = Config{Domain: "other.example"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := NewView(example()).At(4)
			hash := before.Hash()
			next, err := tt.change.On(before)
			if err != nil {
				t.Fatal(err)
			}
			want := example()
			tt.want(&want)
			if diff := cmp.Diff(NewView(want).Config(), next.Config(), cmpopts.EquateEmpty(), cmpopts.EquateComparable(prefixes("::/0")[0])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if NewView(before.Config()).Hash() != hash {
				t.Error("the View before has changed")
			}
		})
	}
}

func TestReplaceGuardsTheRealm(t *testing.T) {
	other, domain := "other.example", "tel.example.org"
	user := func(number, realm string) User {
		return User{Number: number, Digests: MakeDigests(number, realm, "x")}
	}
	tests := []struct {
		name   string
		change Replace
		want   string // "" is no refusal
	}{
		{"another domain alone", Replace{Domain: &other}, "every user and password in the same file"},
		{"another domain, a user without password", Replace{Realm: other, Domain: &other, Users: []User{{Number: "200"}}, Sites: []Site{}, Trunks: []Trunk{}}, "user 200 needs a password"},
		{"another domain and all passwords", Replace{Realm: other, Domain: &other, Users: []User{user("200", other)}, Sites: []Site{}, Trunks: []Trunk{}}, ""},
		{"another domain and nobody who had a password", Replace{Realm: other, Domain: &other, Users: []User{{Number: "9"}}, Sites: []Site{}, Trunks: []Trunk{}}, ""},
		{"another domain exactly", ReplaceAll(Config{Domain: other, Users: []User{{Number: "200"}}}, Author{}), ""},
		{"passwords of another domain", Replace{Realm: other, Users: []User{user("200", other)}}, "apply the file again"},
		{"passwords of this domain", Replace{Realm: domain, Users: []User{user("200", domain)}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.change.On(NewView(example()))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestChangeEncoding(t *testing.T) {
	domain := "tel.example.org"
	c := example()
	tests := []struct {
		name   string
		change Replace
	}{
		{"nothing", Replace{}},
		{"all", ReplaceAll(c, Author{Who: "root", At: time.UnixMilli(1700000000123).UTC()})},
		{"empty lists", Replace{Sites: []Site{}, Users: []User{}, Trunks: []Trunk{}}},
		{"the domain", Replace{Domain: &domain}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := EncodeChange(tt.change)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeChange(b)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.change
			want.Sites = each(want.Sites, Site.withDefaults)
			want.Trunks = each(want.Trunks, Trunk.withDefaults)
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(prefixes("::/0")[0]), cmpopts.AcyclicTransformer("d", func(u User) User {
				u.Direct = append([]string{}, u.Direct...)
				return u
			})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangeDecodingRefuses(t *testing.T) {
	newer, _ := encode("star-code", []string{})
	future := []byte{0x83, 0x02, 0x61, 'x', 0x80}
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "reading a change"},
		{"noise", []byte("noise"), "reading a change"},
		{"another type", newer, "newer carillon"},
		{"another version", future, "newer carillon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := DecodeChange(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := EncodeChange(rename("x")); err == nil {
		t.Error("got no error for a Change without an encoding")
	}
}

func TestConfigEncoding(t *testing.T) {
	b, err := EncodeConfig(example())
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeConfig(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := NewView(c).Hash(), NewView(example()).Hash(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err = DecodeConfig([]byte{0x80}); err == nil {
		t.Error("got no error for noise")
	}
}

func FuzzDecodeChange(f *testing.F) {
	for _, c := range []Replace{{}, ReplaceAll(example(), Author{Who: "root"})} {
		b, err := EncodeChange(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeChange(b)
		if err != nil {
			return
		}
		first, err := EncodeChange(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeChange(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := EncodeChange(again); err != nil || string(first) != string(second) {
			t.Fatalf("encoding is not stable: %v\n%x\n%x", err, first, second)
		}
		_, _ = c.On(NewView(example())) // must only not fail
	})
}
