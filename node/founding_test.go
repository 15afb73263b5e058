package node

import (
	"net/netip"
	"testing"

	"carillon/store"
)

func TestFirstConfig(t *testing.T) {
	c, users := firstConfig("")
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	view := store.NewView(c)
	for _, u := range users {
		kept, ok := view.User(u.Number)
		if !ok || kept.Digests != store.MakeDigests(u.Number, firstDomain, u.Password) {
			t.Errorf("user %s cannot log in", u.Number)
		}
	}
	for address, known := range map[string]bool{
		"192.168.1.7": true, "10.1.2.3": true, "172.31.0.1": true, "127.0.0.1": true, "fd00::1": true, "::1": true,
		"172.32.0.1": false, "8.8.8.8": false, "2001:db8::1": false,
	} {
		if got := view.Network(netip.MustParseAddr(address)); got.Known != known || got.CallsTrusted {
			t.Errorf("%s: got %+v, want known %v", address, got, known)
		}
	}
}
