package node

import (
	"errors"
	"strings"
	"testing"

	"carillon/node/admin"
)

// TestRemoveTheMainThatLeads: another one takes the lead, and the two that stay
// decide; then one alone.
func TestRemoveTheMainThatLeads(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "stan")
	w.open("mons", RoleLifeguard, "hardy")
	gone, err := w.nodes["mons"].RemoveNode(t.Context(), "laurel") // asked for where nobody decides
	if err != nil || gone != (admin.Removed{Name: "laurel", Role: RoleMain, Mains: 2}) {
		t.Fatalf("got %+v, %v", gone, err)
	}
	for _, at := range []string{"hardy", "stan", "mons"} {
		w.lists(at, "hardy mons stan")
	}
	w.eventually("laurel is told", func() bool {
		status, silent := w.nodes["laurel"].Status(t.Context())
		return silent == nil && status.Refused.Unwelcome > 0
	})
	w.writable("stan")
	if _, err = w.nodes["hardy"].RemoveNode(t.Context(), "hardy"); err == nil || !strings.Contains(err.Error(), "cannot remove itself") {
		t.Errorf("at the one itself: got %v", err)
	}
	if _, err = w.nodes["stan"].RemoveNode(t.Context(), "hardy"); err != nil {
		t.Fatal(err)
	}
	w.lists("stan", "mons stan")
	w.lists("mons", "mons stan")
	w.writable("stan")
	if _, err = w.nodes["mons"].RemoveNode(t.Context(), "stan"); err == nil || !strings.Contains(err.Error(), "the only main") {
		t.Errorf("the last one: got %v", err)
	}
	if _, err = w.nodes["stan"].RemoveNode(t.Context(), "mons"); err != nil {
		t.Fatal(err)
	}
	w.lists("stan", "stan")
}

// TestRemoveKeepsAQuorum: a living main stays while too few would be left without
// it; the dead one goes, then it may.
func TestRemoveKeepsAQuorum(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "stan")
	w.nodes["stan"].stop()
	_, err := w.nodes["laurel"].RemoveNode(t.Context(), "hardy")
	if p, ok := errors.AsType[*admin.Problem](err); !ok || p.Kind != admin.Unavailable ||
		!strings.Contains(p.Message, "of the 2 that stay 1 would be missing (stan), 2 are needed") {
		t.Fatalf("got %v, want a refusal that says how many are missing", err)
	}
	w.lists("hardy", "hardy laurel stan")
	if _, err = w.nodes["hardy"].RemoveNode(t.Context(), "stan"); err != nil {
		t.Fatal(err)
	}
	if _, err = w.nodes["laurel"].RemoveNode(t.Context(), "hardy"); err != nil {
		t.Fatal(err)
	}
	w.lists("laurel", "laurel")
	w.writable("laurel")
}

func TestRemoveWithoutAQuorum(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	w.nodes["hardy"].stop()
	_, err := w.nodes["laurel"].RemoveNode(t.Context(), "hardy")
	if p, ok := errors.AsType[*admin.Problem](err); !ok || p.Kind != admin.Unavailable ||
		!strings.Contains(p.Message, "nothing is changed") || !strings.Contains(p.Message, "1 of 2 missing (hardy), 2 needed") {
		t.Errorf("got %v, want a refusal that says who is missing", err)
	}
}
