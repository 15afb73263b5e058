package node

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestWitness: it makes the votes of two mains odd, not those of one or three,
// and has of the configuration what it needs to find the mains.
func TestWitness(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	votes := func(at, want string) {
		t.Helper()
		var got string
		defer func() {
			if got != want {
				t.Errorf("%s: votes of %q, want %q", at, got, want)
			}
		}()
		w.eventually("votes of "+want, func() bool {
			got = strings.Join(w.nodes[at].quorum.Voters(), " ")
			return got == want
		})
	}
	w.join("wim", RoleWitness, "laurel")
	w.open("hardy", RoleMain, "laurel")
	votes("hardy", "hardy laurel wim")
	w.join("stan", RoleMain, "laurel")
	votes("hardy", "hardy laurel stan")
	w.removes("laurel", "stan")
	votes("hardy", "hardy laurel wim")

	view := w.nodes["wim"].config.View()
	w.eventually("the witness knows of the removal", func() bool {
		view = w.nodes["wim"].config.View()
		_, known := view.Node("stan")
		return !known
	})
	if c := view.Config(); len(c.Users) > 0 || len(c.Tokens) > 0 || len(c.Nodes) != 3 || len(c.Revoked) != 1 {
		t.Errorf("it knows %d users, %d tokens, %d nodes, %d revoked, want no users and no tokens", len(c.Users), len(c.Tokens), len(c.Nodes), len(c.Revoked))
	}
	if slices.Equal(w.nodes["wim"].identity.Key, w.nodes["laurel"].identity.Key) || len(w.nodes["wim"].identity.Authority) > 0 {
		t.Error("it has keys of the mains")
	}
	sip := netip.AddrPortFrom(w.nodes["wim"].Listen(), 5060)
	if c, err := net.Dial("tcp", sip.String()); err == nil {
		_ = c.Close()
		t.Errorf("it serves SIP at %s", sip)
	}
}
