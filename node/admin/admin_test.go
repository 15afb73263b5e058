package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// configured is a Configuration without disk or cluster.
type configured struct {
	store   *store.Store
	history []Revision
	views   map[uint64]*store.View
}

func newConfigured(t *testing.T) *configured {
	t.Helper()
	c := &configured{store: store.New(store.NewView(store.Config{})), views: make(map[uint64]*store.View)}
	first := store.Config{
		Domain: "tel.example.net",
		Users:  []store.User{{Number: "201", Digests: store.MakeDigests("201", "tel.example.net", "s3cret")}},
	}
	if err := c.Propose(t.Context(), store.ReplaceAll(first, store.Author{Who: "test"})); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *configured) View() *store.View                  { return c.store.View() }
func (c *configured) History() ([]store.Revision, error) { return c.history, nil }

func (c *configured) Propose(_ context.Context, change store.Change) error {
	old := c.store.View()
	if err := c.store.Apply(old.Index()+1, change); err != nil {
		return err
	}
	next := c.store.View()
	c.history = append(c.history, store.NewRevision(change, old, next))
	c.views[next.Index()] = next
	return nil
}

func (c *configured) GoBack(ctx context.Context, revision uint64, who string) ([]store.Line, error) {
	v, ok := c.views[revision]
	if !ok {
		return nil, &store.Error{Kind: store.NotFound, Message: "no such revision"}
	}
	lines := store.Diff(c.View(), v)
	return lines, c.Propose(ctx, store.ReplaceAll(v.Config(), store.Author{Who: who}))
}

// system is a System of one node, beside which others may be silent.
type system struct {
	bindings *live.Bindings
	calls    *live.Calls
	bans     *live.Bans
	silent   []string
}

func (*system) Members() []Member   { return []Member{{Name: "laurel", Site: "hq", State: "alive"}} }
func (*system) Links() []LinkDetail { return nil }

func (s *system) Registrations(_ context.Context, only string) ([]Registration, []string) {
	return RegistrationsOf(s.bindings, "laurel", only), s.silent
}

func (s *system) Calls(context.Context) ([]Call, []string) { return CallsOf(s.calls), s.silent }

func (s *system) Leases(context.Context) ([]Lease, []string) { return []Lease{}, s.silent }

func (s *system) Bans() []Ban { return BansOf(s.bans.All()) }

func (s *system) LiftBan(_ context.Context, a netip.Addr) ([]Ban, []string) {
	return BansOf(s.bans.Lift(a)), s.silent
}

func (*system) NewToken(_ context.Context, who string, ttl time.Duration) (Token, error) {
	return Token{Token: "for " + who, Expires: time.Now().Add(ttl)}, nil
}

func (*system) RemoveNode(_ context.Context, who, name string) (Removed, error) {
	if name != "mons" {
		return Removed{}, &store.Error{Kind: store.NotFound, Message: "there is no node " + name}
	}
	return Removed{Name: name, Role: who, Mains: 2}, nil
}

func (*system) Drain(_ context.Context, who, name string, undo bool) (Drained, error) {
	return Drained{Name: name, Role: who, Drained: !undo}, nil
}

func (*system) RenewNode(_ context.Context, name string) (Renewed, error) {
	return Renewed{Name: name}, nil
}

func (*system) Deciding(context.Context) (Deciding, error) {
	return Deciding{Node: "laurel", Voters: []string{"hardy", "laurel"}, Missing: []string{"hardy"}, Revision: 3}, nil
}

func (s *system) TakeOver(ctx context.Context, _ string) (Deciding, error) { return s.Deciding(ctx) }

// serve runs a Server in dir until the test ends.
func serve(t *testing.T, dir string) (*Client, Options) {
	t.Helper()
	return serveWith(t, dir, slog.New(slog.DiscardHandler))
}

func serveWith(t *testing.T, dir string, log *slog.Logger) (*Client, Options) {
	t.Helper()
	sys := &system{bindings: live.NewBindings("laurel", nil), calls: live.NewCalls(), bans: live.NewBans("laurel", nil)}
	o := Options{
		Dir: dir, System: sys, Nodes: sys, Mains: sys, Banning: sys,
		Tracing: &traced{}, Metrics: http.NotFoundHandler(),
		Events: NewEvents("laurel"), Config: newConfigured(t), Logger: log,
	}
	o.Status = func() Status { return Status{Name: "laurel", Mode: "cluster", Links: []Link{}} }
	o.Presences, o.Uses = live.NewPresences("laurel", nil), NewUses()
	o.AllUses = func(context.Context) ([]Use, []string) { return o.Uses.All(o.Config.View().APITokens()), sys.silent }
	o.Port, o.Certify, o.Explain = somewhere(), certify(t), func(err error) error { return err }
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if e := errors.Join(<-done, s.Close()); e != nil {
			t.Errorf("stopping: %v", e)
		}
	})
	return NewClient(dir), o
}

func TestAnswers(t *testing.T) {
	c, o := serve(t, t.TempDir())
	sys := o.System.(*system)
	sys.bindings.Put(live.Binding{User: "202", Device: "b", Contact: "sip:b", Transport: "tcp", Flow: 7, Expires: time.Now().Add(time.Minute)})
	sys.bindings.Put(live.Binding{User: "201", Device: "a", Contact: "sip:a", Transport: "udp", Expires: time.Now().Add(time.Minute)})
	sys.calls.Put(live.Call{ID: "x\x00y", From: "201", To: "202", State: live.Ringing, Since: time.Now()})

	status, err := c.Status(t.Context())
	if err != nil || status.Name != "laurel" {
		t.Errorf("status: got %+v, %v", status, err)
	}
	all, err := c.Registrations(t.Context(), "")
	if err != nil || len(all) != 2 || all[0].User != "201" || all[0].State != "down" || all[1].State != "up" {
		t.Errorf("registrations: got %+v, %v", all, err)
	}
	one, err := c.Registrations(t.Context(), "202")
	if err != nil || len(one) != 1 || one[0].Contact != "sip:b" {
		t.Errorf("registrations of 202: got %+v, %v", one, err)
	}
	calls, err := c.Calls(t.Context())
	if err != nil || len(calls) != 1 || calls[0].ID != "x;y" || calls[0].State != "ringing" {
		t.Errorf("calls: got %+v, %v", calls, err)
	}
	users, err := c.Users(t.Context())
	if err != nil || len(users) != 1 || users[0].Number != "201" {
		t.Errorf("users: got %+v, %v", users, err)
	}
}

func TestConfigurationIsChanged(t *testing.T) {
	c, o := serve(t, t.TempDir())
	const text = "users: [{number: \"201\"}, {number: \"202\", password: hidden}]"

	plan, err := c.Plan(t.Context(), "x.yaml", []byte(text))
	if err != nil || !plan.Changed || plan.Revision != 1 || len(plan.Lines) != 1 {
		t.Fatalf("plan: got %+v, %v", plan, err)
	}
	if _, ok := o.Config.View().User("202"); ok {
		t.Fatal("a plan changed something")
	}
	plan, err = c.Apply(t.Context(), "x.yaml", []byte(text))
	if err != nil || plan.Revision != 2 {
		t.Fatalf("apply: got %+v, %v", plan, err)
	}
	if plan, err = c.Apply(t.Context(), "x.yaml", []byte(text)); err != nil || plan.Changed || plan.Revision != 2 {
		t.Fatalf("apply again: got %+v, %v", plan, err)
	}
	export, err := c.Export(t.Context())
	if err != nil || !strings.Contains(string(export), `"202"`) || strings.Contains(string(export), "hidden") {
		t.Fatalf("export: got %s, %v", export, err)
	}
	if plan, err = c.Plan(t.Context(), "export.yaml", export); err != nil || plan.Changed {
		t.Fatalf("plan of an export: got %+v, %v", plan, err)
	}
	if plan, err = c.Rollback(t.Context(), 1); err != nil || plan.Revision != 3 {
		t.Fatalf("rollback: got %+v, %v", plan, err)
	}
	history, err := c.History(t.Context())
	if err != nil || len(history) != 3 || history[0].Index != 3 || history[1].Who != me(t) {
		t.Fatalf("history: got %+v, %v", history, err)
	}
}

func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func TestRefusals(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	tests := []struct {
		name string
		err  error
		want Problem
	}{
		{"an unknown field", second(c.Apply(t.Context(), "x.yaml", []byte("users:\n  - {numbr: 1}"))), Problem{Kind: "invalid", File: "x.yaml", Line: 2, Column: 6}},
		{"a revision that is not kept", second(c.Rollback(t.Context(), 9)), Problem{Kind: "not found"}},
		{"an event that has no number", second(get[[]Event](t.Context(), c, "/v1/events", map[string][]string{"after": {"x"}})), Problem{Kind: "invalid", Field: "after"}},
		{"a question that nobody answers", second(get[Status](t.Context(), c, "/v2/status", nil)), Problem{Kind: "not found"}},
		{"a file that is too large", second(c.Plan(t.Context(), "big.yaml", make([]byte, maxBody+1))), Problem{Kind: "invalid"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := errors.AsType[*Problem](tt.err)
			if !ok {
				t.Fatalf("got %v, want a Problem", tt.err)
			}
			if got.Message == "" {
				t.Error("no message")
			}
			place := Problem{Kind: got.Kind, File: got.File, Line: got.Line, Column: got.Column, Field: tt.want.Field}
			if place.Kind != tt.want.Kind || place.File != tt.want.File || place.Line != tt.want.Line || place.Column != tt.want.Column {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestProblemsAreAllTold(t *testing.T) {
	err := store.Errors{
		{Kind: store.Invalid, Message: "one", File: "x", Line: 1, Column: 2},
		{Kind: store.Invalid, Message: "two", File: "x", Line: 3, Column: 4},
	}
	if got, want := problemOf(err).Error(), "x:1:2: one\nx:3:4: two"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSocket(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("a-long-name/", 10))
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"in a directory with a short name": t.TempDir(), "with a long name": long} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewClient(dir).Status(t.Context()); !errors.Is(err, ErrNoNode) {
				t.Errorf("without a node: got %v, want %v", err, ErrNoNode)
			}
			leaveStale(t, dir)
			if _, err := NewClient(dir).Status(t.Context()); !errors.Is(err, ErrNoNode) {
				t.Errorf("with a stale socket: got %v, want %v", err, ErrNoNode)
			}
			c, _ := serve(t, dir)
			if _, err := c.Status(t.Context()); err != nil {
				t.Error(err)
			}
			info, err := os.Stat(filepath.Join(dir, SocketName))
			if err != nil || info.Mode() != os.ModeSocket|0o600 {
				t.Errorf("got mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// leaveStale leaves the socket of a process that was killed.
func leaveStale(t *testing.T, dir string) {
	t.Helper()
	l, err := listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWatchedEvents(t *testing.T) {
	c, o := serve(t, t.TempDir())
	o.Events.Add("test", "before")
	ctx, stop := context.WithCancel(t.Context())
	var got []string
	err := c.WatchEvents(ctx, func(e Event) error {
		got = append(got, e.Text)
		switch len(got) {
		case 1:
			o.Events.Add("test", "after")
		case 2:
			stop()
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "before after" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWatchEndsWithTheNode(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Options{
		Dir: dir, Events: NewEvents("laurel"), Config: newConfigured(t), Logger: slog.New(slog.DiscardHandler),
		Status: func() Status { return Status{} }, System: new(system), Banning: new(system), Tracing: &traced{}, Metrics: http.NotFoundHandler(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Events.Add("test", "one")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	err = NewClient(dir).WatchEvents(t.Context(), func(Event) error { stop(); return nil })
	if !errors.Is(err, ErrNoNode) {
		t.Errorf("watching: got %v, want %v", err, ErrNoNode)
	}
	if err = errors.Join(<-done, s.Close()); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestHalfQuestionsAreGivenUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the timeout")
	}
	t.Parallel()
	dir := t.TempDir()
	serve(t, dir)
	c, err := dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err = io.WriteString(c, "GET /v1/status HTTP/1.1\r\nHost:"); err != nil {
		t.Fatal(err)
	}
	if err = c.SetReadDeadline(time.Now().Add(3 * headerTime)); err != nil {
		t.Fatal(err)
	}
	if _, err = io.ReadAll(c); err != nil {
		t.Errorf("the node holds on to half a question: %v", err)
	}
}

func TestAuthor(t *testing.T) {
	tests := []struct{ account, person, want string }{
		{"root", "", "root"},
		{"root", "root", "root"},
		{"root", "alice", "alice as root"},
		{"root", "al\x1b[31mice\n", "al[31mice as root"},
		{"root", strings.Repeat("é", 60), strings.Repeat("é", longestName/2) + " as root"},
	}
	for _, tt := range tests {
		r, err := http.NewRequestWithContext(context.WithValue(t.Context(), peerKey{}, tt.account), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(onBehalfHeader, tt.person)
		if got := author(r); got != tt.want {
			t.Errorf("%q for %q: got %q, want %q", tt.account, tt.person, got, tt.want)
		}
	}
}
