// Package scale holds one main to what a large system asks of it: 100,000
// registrations in its memory and on their way to a new main, and a ring for each
// of 500 sites.
//
//	go test ./test/scale -v -full
//
// prints each figure beside its goal. Without -full all is a tenth as large.
package scale

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
	"carillon/cluster/session"
	"carillon/store/live"
	"carillon/test/tool"
)

var full = flag.Bool("full", false, "as large as the goals")

// sized is n, or a tenth of it.
func sized(n int) int {
	if *full {
		return n
	}
	return n / 10
}

// The channels of what a main tells others, as package node has them.
const (
	registrations = "reg/hq"
	pointers      = "ptr/hq"
)

// A main has sessions over the real link, and a table of who is registered.
type main struct {
	port     *link.Port
	sessions *session.Sessions
	table    *live.Bindings
	passes   atomic.Int64 // pointers of others that it has
}

// A journal tells the others of each binding and of where it is, as package node
// does.
type journal struct{ bindings, pointers *session.Namespace }

func (j *journal) Set(key string, value []byte) { j.Keep(key+string(value), len(key), false) }

func (j *journal) Keep(text string, cut int, _ bool) {
	key := text[:cut]
	if x, err := live.ParseShared(key, text[cut:]); err == nil {
		j.bindings.Keep(text, cut)
		j.pointers.Set(live.PointerKey(key), x.AppendPointer(nil))
	}
}

func (j *journal) Delete(key string) {
	j.bindings.Delete(key)
	j.pointers.Delete(live.PointerKey(key))
}

func newMain(t *testing.T, a *link.Authority, name string, peers func() []session.Peer) *main {
	t.Helper()
	port, err := link.Open(link.Options{Listen: netip.MustParseAddrPort("127.71.5.1:0"), Identity: identity(t, a, name, link.Main)})
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{}
	m := &main{port: port, table: live.NewBindings(name, j)}
	m.sessions, err = session.New(session.Options{
		Node: name, Role: string(link.Main), Inc: 1, Port: port, Peers: peers, Logger: slog.New(slog.DiscardHandler),
		Learned: func(owner, channel string, x replica.Change) {
			if channel == pointers { // it only passes them on
				m.passes.Add(1)
				return
			}
			if wrong := m.table.LearnText(owner, x.Text, x.Cut); wrong != nil {
				t.Error(wrong)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	j.bindings, j.pointers = m.sessions.Namespace(registrations), m.sessions.Namespace(pointers)
	return m
}

func identity(t *testing.T, a *link.Authority, node string, role link.Role) link.Identity {
	t.Helper()
	key, request, err := link.NewRequest(node)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := a.Issue(request, node, role)
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.Identity(certificate, a.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// typical is a phone that has an instance and registers over TCP.
func typical(i int) live.Binding {
	source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i%60000))
	user := fmt.Sprintf("u%05d", i)
	return live.Binding{
		User: user, Device: fmt.Sprintf("<urn:uuid:f81d4fae-7dec-11d0-a765-%012x>", i*7919),
		Contact:   fmt.Sprintf("sip:%s@%s;transport=tcp", user, source),
		Transport: "tcp", Flow: uint64(i + 1), Source: source, Local: netip.MustParseAddrPort("192.0.2.9:5060"),
		UserAgent: "Yealink SIP-T46S 66.86.0.15", CallID: fmt.Sprintf("0_%010d@10.20.30.40", i),
		CSeq: 2, Granted: time.Minute, Expires: time.Now().Add(time.Hour),
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// spends says what a main has for each of n bindings, with what it tells others of
// them: table, replica, the pointers to them, and what sessions keep.
func spends(t *testing.T, whose string, size, n int) {
	t.Helper()
	const most, room = 400, 20 // for a tenth of them, and for what else is in memory
	what, each := fmt.Sprintf("each of %d bindings of %s, in the memory of a main", n, whose), float64(size)/float64(n)
	if *full {
		tool.Figure(t, what, each, most, "B")
	}
	if each > most+room {
		t.Errorf("%s: %.0f B", what, each)
	}
}

// TestBindings: a main keeps 100,000 registrations, of its own phones and of other
// nodes', with what it takes to tell others of them, and a new main knows them all.
func TestBindings(t *testing.T) {
	const mostTime = 10 * time.Second
	n := sized(100_000)
	authority, err := link.NewAuthority("scale")
	if err != nil {
		t.Fatal(err)
	}
	var laurel, hardy *main
	before := heap()
	laurel = newMain(t, authority, "laurel", func() []session.Peer { return []session.Peer{{Node: "hardy", Address: hardy.port.Address()}} })
	for i := range n {
		laurel.table.Put(typical(i))
	}
	filled := heap()
	spends(t, "its own phones", filled-before, n)
	hardy = newMain(t, authority, "hardy", func() []session.Peer { return []session.Peer{{Node: "laurel", Address: laurel.port.Address()}} })

	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	began := time.Now()
	for _, m := range []*main{laurel, hardy} {
		work.Go(func() { _ = m.port.Run(ctx) })
		work.Go(func() { _ = m.sessions.Run(ctx) })
	}
	for hardy.table.Count() < n || hardy.passes.Load() < int64(n) {
		if time.Since(began) > 4*time.Minute {
			t.Fatalf("the new main has %d bindings", hardy.table.Count())
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	if !tool.Figure(t, fmt.Sprintf("a new main has %d bindings", n), took.Seconds(), mostTime.Seconds(), "s") {
		t.Errorf("it took %v", took)
	}
	spends(t, "another node", heap()-filled, n)
	runtime.KeepAlive(laurel)
	runtime.KeepAlive(hardy)
}
