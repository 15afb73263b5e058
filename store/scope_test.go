package store

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// towns is the configuration of three sites with users of each and of none.
func towns(t *rapid.T) Config {
	c := Config{Domain: "tel.example.org", Sites: []Site{{Name: "hq"}, {Name: "mons"}, {Name: "namur"}}}
	c.Users = users(t, c.Domain)
	return c
}

func users(t *rapid.T, domain string) []User {
	all := []User{}
	for n := range rapid.IntRange(0, 6).Draw(t, "users") {
		u := User{
			Number: fmt.Sprint(200 + n), Name: rapid.SampledFrom([]string{"", "Alice", "Bob"}).Draw(t, "name"),
			Site: rapid.SampledFrom([]string{"", "hq", "mons", "namur"}).Draw(t, "site"),
		}
		if password := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "password"); password != "" {
			u.Digests = MakeDigests(u.Number, domain, password)
		}
		all = append(all, u)
	}
	return all
}

// TestScope: what a node of a site has: everything that all have, the digests of
// its own users and those of nobody, and of the others that there are some.
func TestScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := NewView(towns(t))
		for _, site := range []string{"", "hq", "mons"} {
			got := v.Scope(site)
			for i, u := range v.config.Users {
				want := u
				if u.Site != "" && u.Site != site && !u.Digests.IsZero() {
					want.Digests = Digests{Elsewhere: true}
				}
				if diff := cmp.Diff(want, got.Users[i]); diff != "" {
					t.Errorf("at %q (-want +got):\n%s", site, diff)
				}
			}
			if h := NewView(got).Hash(); h != v.Hash() {
				t.Errorf("at %q: the hash is another than a main's", site)
			}
			if NewView(got).HoldsMore(v) || v.HoldsMore(NewView(got)) != holds(v.config, got) {
				t.Errorf("at %q: what is lost is not told", site)
			}
		}
	})
}

// holds reports whether a has digests that b has not.
func holds(a, b Config) bool {
	for i, u := range a.Users {
		if u.Digests != b.Users[i].Digests {
			return true
		}
	}
	return false
}

// TestAScopeTravels: what all have, and behind it what one site has, make the
// scope of that site, through their encodings.
func TestAScopeTravels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := NewView(towns(t))
		for _, site := range []string{"", "hq", "mons", "nowhere"} {
			b, err := EncodeConfig(v.Scope(""))
			if err != nil {
				t.Fatal(err)
			}
			secrets, err := v.Secrets(site)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeConfig(b)
			if err == nil {
				got, err = got.WithSecrets(secrets)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(NewView(v.Scope(site)).Config(), got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("at %q (-want +got):\n%s", site, diff)
			}
		}
	})
}

// TestAChangeWithinAScope: a Change does to a part what it does to the whole, and
// is refused for the same reasons: a plan made at a branch tells the truth. Only
// digests that come into the part with their user's site come from a main.
func TestAChangeWithinAScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := NewView(towns(t))
		site := rapid.SampledFrom([]string{"", "hq", "mons"}).Draw(t, "scope")
		part := NewView(whole.Scope(site))
		change := Replace{Users: users(t, "tel.example.org"), Realm: "tel.example.org", Exact: rapid.Bool().Draw(t, "exact")}
		if rapid.Bool().Draw(t, "no such site") {
			change.Sites = []Site{{Name: "hq"}, {Name: "mons"}}
		}
		want, refused := change.On(whole)
		got, err := change.On(part)
		if fmt.Sprint(err) != fmt.Sprint(refused) {
			t.Fatalf("the part: %v; the whole: %v", err, refused)
		}
		if err != nil {
			return
		}
		scoped, mine := want.Scope(site), got.Scope(site)
		for i, u := range mine.Users {
			if was, _ := part.User(u.Number); was.Digests.Elsewhere && u.Digests.Elsewhere && !scoped.Users[i].Digests.Elsewhere {
				mine.Users[i].Digests = scoped.Users[i].Digests // these a main sends
			}
		}
		if diff := cmp.Diff(scoped, mine, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if NewView(mine).Hash() != want.Hash() {
			t.Error("the part's hash is another")
		}
	})
}

// TestAPartDoesNotTakeAway: who has not the digests of a user cannot take them from
// him, by going back either.
func TestAPartDoesNotTakeAway(t *testing.T) {
	v := NewView(example())
	back := again(t, ReplaceAll(v.Scope("hq"), Author{}))
	next, err := back.On(v)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := next.User("200")
	if was, _ := v.User("200"); u.Digests != was.Digests {
		t.Errorf("got %+v, want those he had", u.Digests)
	}
	if next, err = back.On(NewView(Config{})); err != nil {
		t.Fatal(err)
	}
	if u, _ = next.User("200"); !u.Digests.IsZero() {
		t.Errorf("where there are none: got %+v", u.Digests)
	}
	if lines := Diff(v, NewView(v.Scope("hq"))); !slices.Equal(lines[0].Fields, []string{"users.password", "users"}) {
		t.Errorf("got %v, want that the password differs", lines)
	}
}
