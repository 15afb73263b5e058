package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// door is a token of that name, good for ever.
func door(name string) APIToken {
	return APIToken{Name: name, Hash: fmt.Sprintf("%064x", len(name)), Scope: APIPresence, Created: time.UnixMilli(1_800_000_000_000).UTC(), By: "root"}
}

// TestAPITokensTravel: through the log and the disk, to LifeGUARDs, and not to a witness;
// who goes back to a former revision, or replaces all, keeps them.
func TestAPITokensTravel(t *testing.T) {
	narrow := door("booking")
	narrow.Hash, narrow.User, narrow.Expires = strings.Repeat("ab", 32), "alice", narrow.Created.Add(time.Hour)
	v := NewView(example())
	for _, token := range []APIToken{door("calendar"), narrow} {
		var err error
		if v, err = again(t, AddAPIToken{By: Author{Who: "root"}, Token: token}).On(v); err != nil {
			t.Fatal(err)
		}
	}
	replaced, err := ReplaceAll(example(), Author{}).On(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := EncodeConfig(replaced.Scope("mons"))
	if err != nil {
		t.Fatal(err)
	}
	there, err := DecodeConfig(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]APIToken{door("calendar"), narrow}, there.APITokens); diff != "" {
		t.Error(diff)
	}
	if got := v.Bare().APITokens; got != nil {
		t.Errorf("a witness got %v", got)
	}
	if got, ok := v.APIToken(narrow.Hash); !ok || got.Name != "booking" {
		t.Errorf("got %+v, %v", got, ok)
	}
	v, err = again(t, RemoveAPIToken{Name: "booking"}).On(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := v.APIToken(narrow.Hash); ok {
		t.Error("it is there after it was revoked")
	}
}

func TestAPITokenRefusals(t *testing.T) {
	with := func(f func(*APIToken)) AddAPIToken {
		token := door("other")
		f(&token)
		return AddAPIToken{By: Author{At: token.Created.Add(time.Hour)}, Token: token}
	}
	old := door("ended")
	old.Expires = old.Created.Add(time.Minute)
	c := example()
	c.APITokens = []APIToken{door("taken"), old}
	v := NewView(c)
	for _, tt := range []struct {
		name   string
		change Change
		want   string
	}{
		{"good", with(func(*APIToken) {}), ""},
		{"the name of one that has ended", with(func(x *APIToken) { x.Name = "ended" }), ""},
		{"a name that is taken", with(func(x *APIToken) { x.Name = "taken" }), "carillon token revoke taken"},
		{"no name", with(func(x *APIToken) { x.Name = "a b" }), `"a b" cannot be the name`},
		{"no secret", with(func(x *APIToken) { x.Hash = "" }), "needs a secret"},
		{"no scope", with(func(x *APIToken) { x.Scope = "all" }), "write presence or view"},
		{"a view of one user", with(func(x *APIToken) { x.Scope, x.User = APIView, "alice" }), "about everything"},
		{"an unknown user", with(func(x *APIToken) { x.User = "999" }), `no user "999"`},
		{"an unknown site", with(func(x *APIToken) { x.Site = "mars" }), `no site "mars"`},
		{"user and site", with(func(x *APIToken) { x.User, x.Site = "alice", "hq" }), "give one of them"},
		{"revoking what there is not", RemoveAPIToken{Name: "calender"}, "carillon token list"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := again(t, tt.change).On(v)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestAPITokensAreBounded, and a diff of them tells no hash.
func TestAPITokensAreBounded(t *testing.T) {
	v := NewView(example())
	for i := range mostAPITokens {
		next, err := AddAPIToken{Token: door(fmt.Sprintf("t%d", i))}.On(v)
		if err != nil {
			t.Fatal(err)
		}
		if lines := fmt.Sprint(Diff(v, next)); !strings.Contains(lines, "+ API token t") || strings.Contains(lines, "0000000000") {
			t.Fatalf("got %s", lines)
		}
		v = next
	}
	if _, err := (AddAPIToken{Token: door("more")}).On(v); err == nil {
		t.Error("one more than there may be was taken")
	}
}

func TestWhomAnAPITokenCovers(t *testing.T) {
	alice := User{Number: "201", Site: "hq"}
	for _, tt := range []struct {
		token APIToken
		want  bool
	}{
		{APIToken{}, true},
		{APIToken{User: "201"}, true},
		{APIToken{User: "202"}, false},
		{APIToken{Site: "hq"}, true},
		{APIToken{Site: "mons"}, false},
	} {
		if got := tt.token.Covers(alice); got != tt.want {
			t.Errorf("%+v: got %v", tt.token, got)
		}
	}
}
