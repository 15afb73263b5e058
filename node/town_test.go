package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carillon/node/admin"
)

// A town is several nodes of one system in one process.
type town struct {
	t      *testing.T
	config string       // the file that it is founded with; empty: two users
	ahead  atomic.Int64 // by how much its clocks are
	nodes  map[string]*townsman
}

type townsman struct {
	*admin.Client
	*Node

	o    Options
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

// open runs a node, which joins at another one unless it is that itself, and waits
// until it has a vote, if it may.
func (w *town) open(name, role, at string) {
	w.t.Helper()
	w.join(name, role, at)
	if n := w.nodes[name].Node; n.quorum != nil {
		w.eventually(name+" has a vote", func() bool { return slices.Contains(n.quorum.Voters(), name) })
	}
}

// join runs a node at the first site.
func (w *town) join(name, role, at string) { w.t.Helper(); w.joinAt(name, role, at, firstSite) }

func (w *town) joinAt(name, role, at, site string) {
	w.t.Helper()
	o := options(w.t)
	o.Name, o.Role, o.Site = name, role, site
	o.clock = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	if name == at {
		o.Apply = w.config
	} else {
		token, err := w.nodes[at].CreateToken(w.t.Context(), time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		if o.Join, err = ParseSeed(token.Join); err != nil {
			w.t.Fatal(err)
		}
		o.Token = token.Token
	}
	w.start(o)
}

// start runs a node, on what it has in its directory.
func (w *town) start(o Options) *townsman {
	w.t.Helper()
	n, err := New(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, n.Close()); err != nil {
			w.t.Errorf("stopping %s: %v", o.Name, err)
		}
	})
	w.t.Cleanup(stop)
	one := &townsman{admin.NewClient(o.Data), n, o, stop}
	w.nodes[o.Name] = one
	return one
}

func (w *town) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
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

// removes has a node removed, asking again as a person does while nobody decides.
func (w *town) removes(at, name string) admin.Removed {
	w.t.Helper()
	var gone admin.Removed
	w.eventually(name+" is removed", func() (done bool) {
		var err error
		if gone, err = w.nodes[at].RemoveNode(w.t.Context(), name); err != nil && !isUnavailable(err) {
			w.t.Fatal(err)
		}
		return err == nil
	})
	return gone
}

// writable has a node make a token, which is a Change.
func (w *town) writable(at string) {
	w.t.Helper()
	w.eventually("the configuration can change at "+at, func() bool {
		_, err := w.nodes[at].CreateToken(w.t.Context(), time.Minute)
		return err == nil
	})
}
