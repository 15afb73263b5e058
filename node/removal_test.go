package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"carillon/node/admin"
	"carillon/store"
)

// TestRemoveTheMainThatLeads: another one takes the lead, and the two that stay
// decide; then one alone.
func TestRemoveTheMainThatLeads(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy", "stan")
	w.open("mons", RoleLifeguard, "hardy")
	for _, name := range []string{"laurel", "hardy"} {
		if _, err := w.nodes["mons"].RemoveNode(t.Context(), name); err == nil || !strings.Contains(err.Error(), "ask for it at a main") {
			t.Errorf("%s, at a LifeGUARD: got %v, want that it is asked for at a main", name, err)
		}
	}
	gone := w.removes("stan", "laurel") // asked for where nobody decides
	if gone != (admin.Removed{Name: "laurel", Role: RoleMain, Mains: 2}) {
		t.Fatalf("got %+v", gone)
	}
	for _, at := range []string{"hardy", "stan", "mons"} {
		w.lists(at, "hardy mons stan")
	}
	w.eventually("laurel is told", func() bool {
		status, silent := w.nodes["laurel"].Status(t.Context())
		return silent == nil && status.Refused.Unwelcome > 0
	})
	w.writable("stan")
	_, err := w.nodes["hardy"].RemoveNode(t.Context(), "hardy")
	if err == nil || !strings.Contains(err.Error(), "cannot remove itself") {
		t.Errorf("at the one itself: got %v", err)
	}
	w.removes("stan", "hardy")
	w.lists("stan", "mons stan")
	w.lists("mons", "mons stan")
	w.writable("stan")
	if _, err = w.nodes["mons"].RemoveNode(t.Context(), "stan"); err == nil || !strings.Contains(err.Error(), "the only main") {
		t.Errorf("the last one: got %v", err)
	}
	w.removes("stan", "mons")
	w.lists("stan", "stan")
}

// TestRemoveKeepsAQuorum: a living main stays while too few would be left without
// it; the dead one goes, then it may.
func TestRemoveKeepsAQuorum(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy", "stan")
	w.nodes["stan"].stop()
	_, err := w.nodes["laurel"].RemoveNode(t.Context(), "hardy")
	if p, ok := errors.AsType[*admin.Problem](err); !ok || p.Kind != admin.Unavailable ||
		!strings.Contains(p.Message, "of the 2 that stay 1 would be missing (stan), 2 are needed") {
		t.Fatalf("got %v, want a refusal that says how many are missing", err)
	}
	w.lists("hardy", "hardy laurel stan")
	w.removes("hardy", "stan")
	w.removes("laurel", "hardy")
	w.lists("laurel", "laurel")
	w.writable("laurel")
}

func TestRemoveWithoutAQuorum(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy")
	w.nodes["hardy"].stop()
	_, err := w.nodes["laurel"].RemoveNode(t.Context(), "hardy")
	if p, ok := errors.AsType[*admin.Problem](err); !ok || p.Kind != admin.Unavailable ||
		!strings.Contains(p.Message, "nothing is changed") || !strings.Contains(p.Message, "1 of 2 missing (hardy), 2 needed") {
		t.Errorf("got %v, want a refusal that says who is missing", err)
	}
}

// TestARemovalChangesTheKey: those that stay seal with another key, who comes later
// has it, and neither the removed node nor a witness does.
func TestARemovalChangesTheKey(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	w.open("mons", RoleLifeguard, "laurel")
	w.open("namur", RoleLifeguard, "laurel")
	w.join("wim", RoleWitness, "laurel")
	if _, err := w.nodes["wim"].RemoveNode(t.Context(), "mons"); err == nil || !strings.Contains(err.Error(), "ask for it at a main") {
		t.Errorf("at a witness: got %v, want that it is asked for at a main", err)
	}
	w.removes("namur", "mons")
	keys := w.nodes["laurel"].config.View().Keys()
	if len(keys) != 2 || keys[0] != store.Key(w.nodes["laurel"].identity.Key) || keys[1] == keys[0] || keys[1].IsZero() {
		t.Fatalf("got %d keys, want the one that was in force and another", len(keys))
	}
	w.eventually("namur has it", func() bool { return slices.Equal(w.nodes["namur"].config.View().Keys(), keys) })
	w.lists("wim", "laurel namur wim")
	w.eventually("mons is told", func() bool {
		status, err := w.nodes["mons"].Status(t.Context())
		return err == nil && status.Refused.Unwelcome > 0
	})
	for _, name := range []string{"wim", "mons"} {
		if slices.Contains(w.nodes[name].config.View().Keys(), keys[1]) {
			t.Errorf("%s has the key", name)
		}
	}
	w.open("bergen", RoleLifeguard, "laurel")
	if store.Key(w.nodes["bergen"].identity.Key) != keys[1] {
		t.Error("who joins later begins with another key")
	}
	history, err := w.nodes["laurel"].History(t.Context())
	if err != nil || !slices.ContainsFunc(history, func(r store.Revision) bool {
		return slices.Contains(r.Summary, "~ nonces and tokens: sealed with another key")
	}) {
		t.Errorf("the history does not tell: %+v, %v", history, err)
	}
}
