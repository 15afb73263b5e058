package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
)

// A town is several nodes of one system in one process.
type town struct {
	t     *testing.T
	nodes map[string]*townsman
}

type townsman struct {
	*admin.Client
	stop func()
}

// newTown runs mains of the given names, the first of which founds.
func newTown(t *testing.T, mains ...string) *town {
	t.Helper()
	w := &town{t: t, nodes: make(map[string]*townsman)}
	for _, name := range mains {
		w.open(name, RoleMain, mains[0])
	}
	return w
}

// open runs a node, which joins at another one unless it is that itself.
func (w *town) open(name, role, at string) {
	w.t.Helper()
	o := options(w.t)
	o.Name, o.Role, o.Site = name, role, firstSite
	if name != at {
		token, err := w.nodes[at].CreateToken(w.t.Context(), time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		if o.Join, err = ParseSeed(token.Join); err != nil {
			w.t.Fatal(err)
		}
		o.Token = token.Token
	}
	n, err := New(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-done, n.Close()); err != nil {
			w.t.Errorf("stopping %s: %v", name, err)
		}
	}
	w.t.Cleanup(stop)
	w.nodes[name] = &townsman{admin.NewClient(o.Data), stop}
	if n.quorum != nil {
		w.eventually(name+" has a vote", func() bool { return slices.Contains(n.quorum.Voters(), name) })
	}
}

func (w *town) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it never came: %s", what)
		}
	}
}

// lists waits until a node lists these alone.
func (w *town) lists(at, want string) {
	w.t.Helper()
	var got string
	defer func() {
		if got != want {
			w.t.Errorf("%s lists %q, want %q", at, got, want)
		}
	}()
	w.eventually(at+" lists "+want, func() bool {
		members, err := w.nodes[at].Members(w.t.Context())
		var names []string
		for _, m := range members {
			names = append(names, m.Name)
		}
		got = strings.Join(names, " ")
		return err == nil && got == want
	})
}

// writable has a node make a token, which is a Change.
func (w *town) writable(at string) {
	w.t.Helper()
	w.eventually("the configuration can change at "+at, func() bool {
		_, err := w.nodes[at].CreateToken(w.t.Context(), time.Minute)
		return err == nil
	})
}

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
