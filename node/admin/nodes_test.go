package admin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"carillon/store"
)

func TestRemoveNode(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	gone, err := c.RemoveNode(t.Context(), "mons")
	if err != nil || gone.Name != "mons" || gone.Mains != 2 || gone.Role == "" {
		t.Errorf("got %+v, %v, want mons and who asked", gone, err)
	}
	for _, name := range []string{"namur", "", "..", "a/b"} {
		_, err = c.RemoveNode(t.Context(), name)
		if p, ok := errors.AsType[*Problem](err); !ok || p.Kind != string(store.NotFound) || !strings.Contains(p.Message, "no node "+name) {
			t.Errorf("%q: got %v, want that there is none", name, err)
		}
	}
}

func TestTakeOver(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	for name, ask := range map[string]func(context.Context) (Deciding, error){"what it is about": c.Deciding, "doing it": c.TakeOver} {
		if d, err := ask(t.Context()); err != nil || d.Node != "laurel" || len(d.Voters) != 2 || len(d.Missing) != 1 || d.Revision != 3 {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
	}
}
