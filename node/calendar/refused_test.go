package calendar

import (
	"net/http"
	"net/url"
	"testing"

	"carillon/store"
)

// TestWhereAServerMayLead: one outside leads nobody to an address inside the network.
func TestWhereAServerMayLead(t *testing.T) {
	for _, c := range []struct {
		from, to string
		may      bool
	}{
		{"https://192.0.2.1/a", "https://192.0.2.2/b", true},
		{"https://192.0.2.1/a", "https://192.0.2.1/b", true},
		{"https://10.1.1.1/a", "https://10.1.1.2/b", true},
		{"https://192.0.2.1/a", "https://127.0.0.1/reboot", false},
		{"https://192.0.2.1/a", "https://10.1.1.2/b", false},
		{"https://192.0.2.1/a", "https://[::1]:8080/", false},
		{"https://192.0.2.1/a", "https://169.254.169.254/", false},
	} {
		from, _ := url.Parse(c.from)
		to, _ := url.Parse(c.to)
		if err := mayLead(t.Context(), from, to); (err == nil) != c.may {
			t.Errorf("from %s to %s: %v", c.from, c.to, err)
		}
	}
}

// TestNoPasswordInTheOpen: a server that took a digest does not get the password itself,
// where everybody on the way reads it.
func TestNoPasswordInTheOpen(t *testing.T) {
	asks := func(l *login, address, how string) bool {
		at := store.Calendar{Address: address, User: "alice", Password: store.NewSecret("s3cret")}
		return l.learn(http.Header{"Www-Authenticate": {how}}, at)
	}
	for address, may := range map[string]bool{"http://cal/alice": false, "https://cal/alice": true} {
		var l login
		if !asks(&l, address, `Digest realm="x", nonce="n", qop="auth"`) {
			t.Fatal("it does not take a digest")
		}
		if got := asks(&l, address, `Basic realm="x"`); got != may || l.basic != may {
			t.Errorf("%s: basic after a digest: %v, want %v", address, got, may)
		}
	}
}
