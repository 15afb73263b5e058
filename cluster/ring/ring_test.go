package ring

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/cluster"
	"carillon/cluster/link"
)

// town is several nodes in one process, over the loopback interface.
type town struct {
	t         *testing.T
	authority *link.Authority
	mu        sync.Mutex
	seeds     map[string]Seed
	up        map[string]*node
}

type node struct {
	*Rings
	port       *link.Port
	ends, hush context.CancelFunc // the rings, the port
	done, shut chan error

	mu   sync.Mutex
	said []string // by Watch
}

func (n *node) hear(all []cluster.Member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, states(all))
}

func (n *node) heard(word string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.said, func(line string) bool { return strings.Contains(line, word) })
}

// quick is 8 times as fast as usual.
func quick() pace {
	p := usualPace()
	p.rejoin, p.scale = 300*time.Millisecond, 8
	return p
}

func newTown(t *testing.T) *town {
	t.Helper()
	a, err := link.NewAuthority("town")
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, authority: a, seeds: map[string]Seed{}, up: map[string]*node{}}
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for name := range w.up {
			w.kill(name)
		}
		await(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before+2 })
	})
	return w
}

func (w *town) all() []Seed {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Seed
	for _, s := range w.seeds {
		all = append(all, s)
	}
	return all
}

func (w *town) identity(name string, role link.Role) link.Identity {
	w.t.Helper()
	key, request, err := link.NewRequest(name)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, err := w.authority.Issue(request, name, role)
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := key.Identity(certificate, w.authority.Certificate())
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// start runs a node; one that ran before comes back to its address.
func (w *town) start(name, site string, role link.Role) *node {
	w.t.Helper()
	at := netip.MustParseAddrPort("127.7.4.1:0")
	if s, ok := w.seeds[name]; ok {
		at = s.Address
	}
	port, err := link.Open(link.Options{Listen: at, Identity: w.identity(name, role)})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := New(Options{
		Node: name, Site: site, Role: string(role), Version: "v1", Address: port.Address(),
		Port: port, Seeds: w.all, Logger: slog.New(slog.DiscardHandler), pace: quick(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{Rings: r, port: port, done: make(chan error, 1), shut: make(chan error, 1)}
	r.Watch(n.hear)
	w.mu.Lock()
	w.seeds[name] = Seed{name, site, string(role), port.Address()}
	w.mu.Unlock()
	var rings, line context.Context
	rings, n.ends = context.WithCancel(context.Background())
	line, n.hush = context.WithCancel(context.Background())
	go func() { n.shut <- port.Run(line) }()
	go func() { n.done <- r.Run(rings) }()
	w.up[name] = n
	return n
}

// stop ends a node in good order.
func (w *town) stop(name string) {
	n := w.up[name]
	delete(w.up, name)
	n.ends()
	if err := <-n.done; err != nil {
		w.t.Errorf("the rings: %v", err)
	}
	n.hush()
	if err := <-n.shut; err != nil {
		w.t.Errorf("the port: %v", err)
	}
}

// kill ends a node so that the others hear nothing.
func (w *town) kill(name string) {
	n := w.up[name]
	delete(w.up, name)
	n.hush()
	if err := <-n.shut; err != nil {
		w.t.Errorf("the port: %v", err)
	}
	n.ends()
	if err := <-n.done; err != nil {
		w.t.Errorf("the rings: %v", err)
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// states is one line: name=state of each member.
func states(all []cluster.Member) string {
	var words []string
	for _, m := range all {
		words = append(words, m.Name+"="+m.State)
	}
	return strings.Join(words, " ")
}

func (n *node) sees(t *testing.T, want string) {
	t.Helper()
	last := ""
	defer func() {
		if t.Failed() {
			t.Logf("it sees %s, not %s", last, want)
		}
	}()
	await(t, want, func() bool { last = states(n.Members()); return last == want })
}

// twoSites are two mains and a node at each of two other sites.
func twoSites(t *testing.T) *town {
	t.Helper()
	w := newTown(t)
	w.start("ada", "hq", link.Main)
	w.start("bea", "hq", link.Main)
	w.start("mona", "mons", link.LifeGUARD)
	w.start("luc", "liege", link.LifeGUARD)
	return w
}

func TestMainsSeeAllAndASiteItsOwn(t *testing.T) {
	w := twoSites(t)
	begin := time.Now()
	for name, want := range map[string]string{
		"ada":  "ada=alive bea=alive luc=alive mona=alive",
		"bea":  "ada=alive bea=alive luc=alive mona=alive",
		"mona": "ada=alive bea=alive mona=alive",
		"luc":  "ada=alive bea=alive luc=alive",
	} {
		w.up[name].sees(t, want)
	}
	t.Logf("all see each other after %v", time.Since(begin))
	got := w.up["ada"].Members()[3]
	got.Since = time.Time{}
	want := cluster.Member{
		Name: "mona", Site: "mons", Role: "lifeguard", Version: "v1", State: alive, Address: w.seeds["mona"].Address,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("mona (-want +got):\n%s", diff)
	}
}

func TestTheDeadAndThoseWhoLeftStayListed(t *testing.T) {
	w := twoSites(t)
	ada := w.up["ada"]
	ada.sees(t, "ada=alive bea=alive luc=alive mona=alive")
	w.up["mona"].sees(t, "ada=alive bea=alive mona=alive")
	w.up["luc"].sees(t, "ada=alive bea=alive luc=alive") // it says good-bye to whom it sees
	w.stop("luc")
	ada.sees(t, "ada=alive bea=alive luc=left mona=alive")
	begin := time.Now()
	w.kill("bea")
	await(t, "a suspicion", func() bool { return ada.heard("bea=suspect") })
	ada.sees(t, "ada=alive bea=dead luc=left mona=alive")
	w.up["mona"].sees(t, "ada=alive bea=dead mona=alive")
	t.Logf("dead after %v, at %d times the usual pace", time.Since(begin), quick().scale)
	if since := ada.Members()[1].Since; since.Before(begin) {
		t.Errorf("dead since %v, killed at %v", since, begin)
	}
	w.start("bea", "hq", link.Main)
	w.start("luc", "liege", link.LifeGUARD)
	ada.sees(t, "ada=alive bea=alive luc=alive mona=alive")
	w.up["mona"].sees(t, "ada=alive bea=alive mona=alive")
}

func TestOneThatStartsAloneJoinsWhenItCan(t *testing.T) {
	w := newTown(t)
	mona := w.start("mona", "mons", link.LifeGUARD)
	w.start("ada", "hq", link.Main)
	mona.sees(t, "ada=alive mona=alive")
	w.kill("ada")
	mona.sees(t, "ada=dead mona=alive")
	w.kill("mona")
	mona = w.start("mona", "mons", link.LifeGUARD)
	mona.sees(t, "ada=dead mona=alive") // never heard of since the start
	w.start("ada", "hq", link.Main)
	mona.sees(t, "ada=alive mona=alive")
}

func TestWatchHearsChanges(t *testing.T) {
	w := newTown(t)
	ada := w.start("ada", "hq", link.Main)
	ada.sees(t, "ada=alive")
	w.kill("ada")
	heard := make(chan string, 100)
	port, err := link.Open(link.Options{Listen: netip.MustParseAddrPort("127.7.4.2:0"), Identity: w.identity("bea", link.Main)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = port.Close() }()
	r, err := New(Options{
		Node: "bea", Site: "hq", Role: "main", Address: port.Address(), Port: port,
		Seeds: func() []Seed { return nil }, Logger: slog.New(slog.DiscardHandler), pace: quick(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Watch(func(all []cluster.Member) { heard <- states(all) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for said := range heard {
		if said == "bea=alive" {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestSitesComeAndGo(t *testing.T) {
	w := twoSites(t)
	ada := w.up["ada"]
	ada.sees(t, "ada=alive bea=alive luc=alive mona=alive")
	w.stop("luc")
	w.mu.Lock()
	delete(w.seeds, "luc") // the site is taken out of the system
	w.mu.Unlock()
	ada.Kick()
	ada.sees(t, "ada=alive bea=alive mona=alive")
}

func TestOptionsAreChecked(t *testing.T) {
	full := Options{
		Node: "ada", Site: "hq", Role: "main", Address: netip.MustParseAddrPort("127.7.4.1:7946"),
		Port: new(link.Port), Seeds: func() []Seed { return nil }, Logger: slog.New(slog.DiscardHandler),
	}
	tests := []struct {
		name  string
		spoil func(*Options)
	}{
		{"no node", func(o *Options) { o.Node = "" }},
		{"no site", func(o *Options) { o.Site = "" }},
		{"no role", func(o *Options) { o.Role = "" }},
		{"all addresses", func(o *Options) { o.Address = netip.MustParseAddrPort("0.0.0.0:7946") }},
		{"no port", func(o *Options) { o.Port = nil }},
		{"no seeds", func(o *Options) { o.Seeds = nil }},
		{"no logger", func(o *Options) { o.Logger = nil }},
		{"a long name", func(o *Options) { o.Version = strings.Repeat("v", 600) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := full
			tt.spoil(&o)
			if _, err := New(o); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestNamesInFrontOfPackets(t *testing.T) {
	for _, b := range [][]byte{nil, {3, 'a'}, {255}} {
		if name, _, ok := cutName(b); ok {
			t.Errorf("%v has the name %q", b, name)
		}
	}
	name, rest, ok := cutName(withName(":mons", []byte("packet")))
	if name != ":mons" || string(rest) != "packet" || !ok {
		t.Errorf("got %q, %q, %v", name, rest, ok)
	}
}

func FuzzDecodeNote(f *testing.F) {
	f.Add(note{"hq", "main", "v1"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeNote(b)
		if err != nil {
			return
		}
		if got := fmt.Sprintf("%x", n.encode()); got != fmt.Sprintf("%x", b) {
			t.Errorf("got %s, want %x", got, b)
		}
	})
}
