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
	"testing"
	"time"

	"carillon/cluster/link"
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

const channel = "reg"

// A main has sessions over the real link, and a table of who is registered.
type main struct {
	port     *link.Port
	sessions *session.Sessions
	table    *live.Bindings
}

// A journal is set once there are sessions.
type journal struct{ live.Journal }

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
		Learned: func(owner, _, key string, value []byte, deleted bool) {
			if deleted {
				value = nil
			}
			if wrong := m.table.Learn(owner, key, value); wrong != nil {
				t.Error(wrong)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	j.Journal = m.sessions.Namespace(channel)
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

// TestBindings: a main keeps 100,000 registrations, of its own phones and of other
// nodes', with what it takes to tell others of them, and a new main knows them all.
func TestBindings(t *testing.T) {
	const mostBytes, mostTime = 400, 10 * time.Second
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
	t.Logf("%d bindings of phones of its own, with what others are told of them: %d B each", n, (filled-before)/n)
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
	for hardy.table.Count() < n {
		if time.Since(began) > 4*time.Minute {
			t.Fatalf("the new main has %d bindings", hardy.table.Count())
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	if !tool.Figure(t, fmt.Sprintf("a new main has %d bindings", n), took.Seconds(), mostTime.Seconds(), "s") {
		t.Errorf("it took %v", took)
	}
	each := (heap() - filled) / n
	tool.Figure(t, fmt.Sprintf("each of %d bindings of another node, in the memory of a main", n), float64(each), mostBytes, "B")
	runtime.KeepAlive(laurel)
	runtime.KeepAlive(hardy)
}
