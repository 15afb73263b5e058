package node

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/quorum"
	"carillon/store"
)

// TestAnotherUnderAnOldName: a main that joined anew must not vote with what the
// one before it had promised.
func TestAnotherUnderAnOldName(t *testing.T) {
	v := &voters{known: map[string]uint64{"hardy": 1}}
	for name, tt := range map[string]struct {
		node store.Node
		want bool
	}{
		"the same":        {store.Node{Name: "hardy", Epoch: 1, Certificate: "another key"}, false},
		"another":         {store.Node{Name: "hardy", Epoch: 2}, true},
		"not seen so far": {store.Node{Name: "stan", Epoch: 1}, false},
	} {
		if got := v.isAnother(tt.node); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestVotesFollowTheView: the main that leads gives none to who is not there, and
// takes none while the View is not yet that of its system.
func TestVotesFollowTheView(t *testing.T) {
	a, err := link.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	config, _ := agreed(t)
	q, err := quorum.Open(quorum.Options{
		Dir: t.TempDir(), Node: "laurel", Machine: config.Config, Applied: config.Applied(), Found: true,
		Logger: slog.New(slog.DiscardHandler), Port: portOf(t, a, "laurel", link.Main),
		Address: func(string) (netip.AddrPort, bool) { return netip.AddrPort{}, false },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	if err = q.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := newVoters(&voters{self: "laurel", config: config, quorum: q, log: slog.New(slog.DiscardHandler)})
	only := func(when string) {
		t.Helper()
		if got := q.Voters(); !slices.Equal(got, []string{"laurel"}) {
			t.Errorf("%s: got votes of %q, want laurel's alone", when, got)
		}
	}
	v.compare(t.Context())
	only("no node is in the View")
	propose(t, config, store.SetNode{Node: written("hardy", RoleMain, "hq")})
	v.compare(t.Context())
	only("the View is another system's")
	propose(t, config, store.SetNode{Node: written("laurel", RoleMain, "hq")})
	propose(t, config, store.SetNode{Node: written("mons", RoleLifeguard, "mons")})
	impatient, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	v.compare(impatient)
	only("hardy does not answer")
}
