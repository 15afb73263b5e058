package sipcore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore"
	"carillon/store"
	"carillon/store/live"
)

const (
	domain   = "tel.test"
	password = "secret"
	patience = 10 * time.Second
)

var addresses atomic.Uint32

// address returns a loopback address that no other test uses, most likely.
func address() netip.Addr {
	h := fnv.New32a()
	var key [12]byte
	binary.NativeEndian.PutUint64(key[:], uint64(os.Getpid()))
	binary.NativeEndian.PutUint32(key[8:], addresses.Add(1))
	_, _ = h.Write(key[:])
	sum := h.Sum(nil)
	return netip.AddrFrom4([4]byte{127, 32 | sum[0]&31, sum[1], 1 + sum[2]%254})
}

// A town is several SIP servers of one system, joined by loopback connections
// in place of the cluster's port. What one node's table of bindings writes, the
// others learn at once.
type town struct {
	t     testing.TB
	view  *store.View
	judge sipcore.Judge                // of the nodes opened from now on
	hears func(node, site string) bool // of the calls of which site; nil: all
	wg    sync.WaitGroup
	end   context.CancelFunc
	ctx   context.Context
	start int // goroutines
	log   log

	mu    sync.Mutex
	nodes map[string]*station
	lines map[[2]string]line // how one node reaches another
	dead  []net.Conn         // ends that nobody reads
	calm  atomic.Bool        // what is sent on connections that are open arrives at nobody
	whole bool               // presence is made of registrations and calls too, at the nodes opened from now on
}

// A still is the dialler's end of a connection of a town.
type still struct {
	net.Conn
	calm *atomic.Bool
}

func (s still) Write(b []byte) (int, error) {
	if s.calm.Load() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// line is the state of the way between two nodes.
type line int

const (
	good    line = iota
	refused      // no connection
	hanging      // connecting takes for ever
	mute         // what is sent arrives at nobody
	slammed      // the connection closes at the first word; the next is good
)

// A station is one node of a town.
type station struct {
	*sipcore.Server
	name       string
	town       *town
	addr       netip.Addr
	store      *store.Store
	bindings   *live.Bindings
	calls      *live.Calls
	bans       *live.Bans
	dialogs    *live.Dialogs
	presences  *live.Presences
	statements statements
	mined      atomic.Bool // the next binding makes its table panic
	relays     []string
	deaf       bool // it learns nothing
	far        bool // it learns where phones are, and not how to reach them
	stop       func()

	alone atomic.Bool // it hears no main
	heard log         // what it told people
}

func newTown(tb testing.TB, names ...string) *town {
	tb.Helper()
	c := store.Config{
		Domain: domain, Origins: []string{store.AnyOrigin},
		Sites: []store.Site{{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
	}
	for _, u := range []string{"alice", "bob", "carol"} {
		c.Users = append(c.Users, store.User{Number: u, Site: "hq", Digests: store.MakeDigests(u, domain, password)})
	}
	w := &town{
		t: tb, view: store.NewView(c), start: runtime.NumGoroutine(),
		nodes: make(map[string]*station), lines: make(map[[2]string]line),
	}
	w.log.to = tb.Output()
	w.ctx, w.end = context.WithCancel(context.Background())
	tb.Cleanup(w.close)
	for _, name := range names {
		w.open(name, address())
	}
	return w
}

// open starts a node.
func (w *town) open(name string, at netip.Addr) *station {
	w.t.Helper()
	s := &station{name: name, town: w, addr: at, store: store.New(w.view), calls: live.NewCalls(), bans: live.NewBans(name, nil)}
	s.dialogs = live.NewDialogs(name, func() string { return domain }, told{s})
	s.presences = live.NewPresences(name, &s.statements)
	s.bindings, s.heard.to = live.NewBindings(name, s), io.Discard
	if w.whole {
		s.derives()
	}
	var err error
	s.Server, err = sipcore.Open(sipcore.Options{
		Node: name, Listen: at, Store: s.store, Bindings: s.bindings, Calls: s.calls, Bans: s.bans, Dialogs: s.dialogs, Presences: s.presences,
		Key: [32]byte{7}, Peers: s, Judge: w.judge, Certificate: certify(w.t),
		Alone: s.alone.Load, Tell: func(kind, words string) { _, _ = io.WriteString(&s.heard, kind+": "+words+"\n") },
		Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", name),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.nodes[name] = s
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			w.t.Error(err)
		}
	})
	return s
}

func (w *town) close() {
	for _, s := range w.nodes {
		s.stop()
	}
	w.end()
	for _, c := range w.dead {
		_ = c.Close()
	}
	w.wg.Wait()
	if said := w.log.betrays(); said != "" {
		w.t.Errorf("the log has a part of a message: %s", said)
	}
	if !w.t.Failed() {
		eventually(w.t, "goroutines end", func() bool { return runtime.NumGoroutine() <= w.start })
	}
}

func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// toHardy changes the line between hardy and another node, both ways.
func (w *town) toHardy(from string, l line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines[[2]string{from, "hardy"}], w.lines[[2]string{"hardy", from}] = l, l
}

// Set implements live.Journal: the other nodes learn of it.
func (s *station) Set(key string, value []byte) {
	if s.mined.CompareAndSwap(true, false) {
		panic("a secret of " + key)
	}
	s.tell(key, slices.Clone(value))
}

// Delete implements live.Journal.
func (s *station) Delete(key string) { s.tell(key, nil) }

// tell must not call a table: its caller holds a lock of one.
func (s *station) tell(key string, value []byte) {
	s.town.mu.Lock()
	defer s.town.mu.Unlock()
	for _, other := range s.town.nodes {
		if other == s || other.deaf || other.name == s.name {
			continue
		}
		far := other.far
		s.town.wg.Go(func() {
			if far {
				_ = other.bindings.LearnPointer(s.name, live.PointerKey(key), pointer(key, value))
				return
			}
			_ = other.bindings.Learn(s.name, key, value)
		})
	}
}

// pointer is what those far away are told of what a journal is.
func pointer(key string, value []byte) []byte {
	x, err := live.ParseShared(key, string(value))
	if err != nil {
		return nil // it is gone
	}
	return x.AppendPointer(nil)
}

// Dial implements sipcore.Peers.
func (s *station) Dial(ctx context.Context, node string) (net.Conn, error) {
	w := s.town
	w.mu.Lock()
	to, l := w.nodes[node], w.lines[[2]string{s.name, node}]
	w.mu.Unlock()
	switch {
	case to == nil || l == refused:
		return nil, errors.New("no way")
	case l == hanging:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	near, far, err := pair()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch l {
	case mute:
		w.dead = append(w.dead, far)
	case slammed:
		w.lines[[2]string{s.name, node}] = good
		w.wg.Go(func() {
			_, _ = far.Read(make([]byte, 1))
			_ = far.Close()
		})
	default:
		w.wg.Go(func() { to.Serve(w.ctx, far, s.name) })
	}
	return still{near, &w.calm}, nil
}

// NodeAt implements sipcore.Peers.
func (s *station) NodeAt(addr netip.Addr) (string, bool) {
	s.town.mu.Lock()
	defer s.town.mu.Unlock()
	for name, other := range s.town.nodes {
		if other.addr == addr {
			return name, true
		}
	}
	return "", false
}

// Relays implements sipcore.Peers.
func (s *station) Relays() []string { return s.relays }

// pair returns both ends of a loopback connection.
func pair() (near, far net.Conn, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = ln.Close() }()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		return nil, nil, err
	}
	far, err = ln.Accept()
	return near, far, err
}

// knows waits until a node knows a user's phones at these nodes.
func (s *station) knows(user string, at ...string) {
	s.town.t.Helper()
	want := fmt.Sprint(len(at), at)
	eventually(s.town.t, s.name+" knows "+user+" at "+strings.Join(at, ", "), func() bool {
		var have []string
		for _, b := range s.bindings.Of(user) {
			have = append(have, b.Node)
		}
		return fmt.Sprint(len(have), sorted(have)) == want
	})
}

// A log is what the nodes of a town say, at every level.
type log struct {
	mu  sync.Mutex
	all strings.Builder
	to  io.Writer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(b)
	return l.to.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// betrays returns a line that has more of a message than an address: messages
// are nobody's but their sender's, and the log is for people.
func (l *log) betrays() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.all.String()) {
		if len(line) > 1000 && !strings.Contains(line, " stack=") || strings.Contains(line, "z9hG4bK") || strings.Contains(line, "v=0") || strings.Contains(line, "SIP/2.0") {
			return line
		}
	}
	return ""
}
