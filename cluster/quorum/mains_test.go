package quorum

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/test/tool"
)

// mains is a system of several mains in one process, over loopback TLS.
type mains struct {
	t         *testing.T
	dir       string
	authority *link.Authority
	mu        sync.Mutex
	at        map[string]netip.AddrPort
	up        map[string]*main
	dropped   map[string][]string // by who stepped back
	counted   map[string]*counted
	witness   map[string]bool
}

// A main is one of them, while it runs.
type main struct {
	*Quorum
	memory *memory
	port   *link.Port
	ends   context.CancelFunc
	done   chan error
}

func newMains(t *testing.T) *mains {
	t.Helper()
	a, err := link.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	m := &mains{t: t, dir: t.TempDir(), authority: a, at: map[string]netip.AddrPort{}, up: map[string]*main{}, dropped: map[string][]string{}, counted: map[string]*counted{}, witness: map[string]bool{}}
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for name := range m.up {
			m.stop(name)
		}
		await(t, "goroutines to end", func() bool {
			return runtime.NumGoroutine() <= before+2
		})
	})
	return m
}

func (m *mains) identity(node string, role link.Role) link.Identity {
	m.t.Helper()
	key, request, err := link.NewRequest(node)
	if err != nil {
		m.t.Fatal(err)
	}
	certificate, err := m.authority.Issue(request, node, role)
	if err != nil {
		m.t.Fatal(err)
	}
	id, err := key.Identity(certificate, m.authority.Certificate())
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

func (m *mains) address(node string) (netip.AddrPort, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.at[node]
	return at, ok
}

// start runs a main on its directory and a port of its own, another one each
// time. What it had in memory is its machine's disk.
func (m *mains) start(node string, founds bool, remembers *memory) *main {
	m.t.Helper()
	return m.startAs(node, link.Main, founds, remembers)
}

func (m *mains) startAs(node string, role link.Role, founds bool, remembers *memory) *main {
	m.t.Helper()
	port, err := link.Open(link.Options{Listen: netip.MustParseAddrPort("127.7.3.1:0"), Identity: m.identity(node, role)})
	if err != nil {
		m.t.Fatal(err)
	}
	dir := filepath.Join(m.dir, node)
	if err = mkdir(dir); err != nil {
		m.t.Fatal(err)
	}
	var machine cluster.Machine = remembers
	if role == link.Witness {
		machine = Blind{}
	}
	q, err := Open(Options{
		Dir: dir, Node: node, Machine: machine, Witness: role == link.Witness, Applied: remembers.applied, Found: founds, Logger: quiet(),
		Port: m.counts(node, role, port), Address: m.address, Sparing: m.isWitness,
		Encode: func(err error) []byte { return []byte("coded " + err.Error()) },
		Decode: func(b []byte) error {
			if string(b) == "coded refused" {
				return errRefused
			}
			return errors.New(string(b))
		},
		SteppedBack: func(_ string, commands []Entry) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.dropped[node] = nil
			for _, c := range commands {
				m.dropped[node] = append(m.dropped[node], string(c.Command))
			}
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, ends := context.WithCancel(context.Background())
	one := &main{Quorum: q, memory: remembers, port: port, ends: ends, done: make(chan error, 1)}
	go func() { one.done <- port.Run(ctx) }()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[node], m.up[node] = port.Address(), one
	return one
}

// wasDropped is what a main was told when it stepped back.
func (m *mains) wasDropped(node string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dropped[node]
}

// kill ends a main as kill -9 would for the others: its connections first.
func (m *mains) kill(node string) *memory {
	m.t.Helper()
	one := m.up[node]
	delete(m.up, node)
	one.ends()
	if err := <-one.done; err != nil {
		m.t.Errorf("the port: %v", err)
	}
	closeTest(m.t, one.Quorum)
	return one.memory
}

// stop ends a main in good order.
func (m *mains) stop(node string) *memory {
	m.t.Helper()
	one := m.up[node]
	delete(m.up, node)
	closeTest(m.t, one.Quorum)
	one.ends()
	if err := <-one.done; err != nil {
		m.t.Errorf("the port: %v", err)
	}
	return one.memory
}

// three are ada, bea and cem, ada being the founder; each knows that all have votes.
func three(t *testing.T) *mains {
	t.Helper()
	m := newMains(t)
	ada := m.start("ada", true, new(memory))
	propose(t, ada.Quorum, "first")
	for _, name := range []string{"bea", "cem"} {
		m.start(name, false, new(memory))
		if err := ada.AddVoter(soon(t), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range m.up {
		await(t, "three voters", func() bool { return cmp.Equal([]string{"ada", "bea", "cem"}, one.Voters()) })
	}
	return m
}

// leader is whom all that run agree on.
func (m *mains) leader() string {
	m.t.Helper()
	name := ""
	await(m.t, "one leader", func() bool {
		seen := map[string]bool{}
		for _, one := range m.up {
			name, _ = one.Leader()
			seen[name] = true
		}
		return len(seen) == 1 && m.up[name] != nil
	})
	return name
}

func (m *mains) others(than string) []string {
	var all []string
	for _, name := range []string{"ada", "bea", "cem"} {
		if name != than && m.up[name] != nil {
			all = append(all, name)
		}
	}
	return all
}

func (m *mains) same(want ...string) {
	m.t.Helper()
	for name, one := range m.up {
		await(m.t, name+" to have all", func() bool { return len(one.memory.list()) >= len(want) })
		if diff := cmp.Diff(want, one.memory.list()); diff != "" {
			m.t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestThreeMainsAgree(t *testing.T) {
	m := three(t)
	for _, name := range []string{"ada", "bea", "cem"} {
		one := m.up[name]
		begin := tool.Start(t)
		propose(t, one.Quorum, "by "+name)
		t.Logf("%s: decided and applied here in %v", name, begin.Took())
		if have := one.memory.list(); have[len(have)-1] != "by "+name {
			t.Errorf("%s does not read its own write: %q", name, have)
		}
		index, err := one.Propose(soon(t), []byte("bad"))
		if !errors.Is(err, errRefused) || index == 0 {
			t.Errorf("%s: got %d, %v, want an index and the machine's refusal", name, index, err)
		}
		if err = one.Ready(soon(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.same("first", "by ada", "by bea", "by cem")
}

func TestLeaderKilledWritableAgainWithinFiveSeconds(t *testing.T) {
	for round := range 3 {
		m := three(t)
		dead := m.leader()
		m.kill(dead)
		begin := tool.Start(t)
		propose(t, m.up[m.others(dead)[0]].Quorum, "second")
		took := begin.Took()
		if !tool.Figure(t, fmt.Sprintf("three mains, one killed, round %d: writable", round), took.Seconds(), 5, "s") {
			t.Errorf("writable again only after %v", took)
		}
		m.same("first", "second")
		for name := range m.up {
			m.stop(name)
		}
	}
}

func TestALeaderThatClosesHandsOver(t *testing.T) {
	m := three(t)
	gone := m.leader()
	m.stop(gone)
	begin := tool.Start(t)
	propose(t, m.up[m.others(gone)[0]].Quorum, "second")
	took := begin.Took()
	t.Logf("writable again after %v", took)
	if took > 2*time.Second {
		t.Errorf("it took %v: an election, not a hand-over", took)
	}
}

func TestNoQuorumSaysWhoIsMissing(t *testing.T) {
	tests := []struct {
		name string
		dead string
	}{
		{"the follower of two", "bea"},
		{"the leader of two", "ada"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMains(t)
			ada := m.start("ada", true, new(memory))
			m.start("bea", false, new(memory))
			if err := ada.AddVoter(soon(t), "bea"); err != nil {
				t.Fatal(err)
			}
			propose(t, m.up["bea"].Quorum, "first")
			kept := m.kill(tt.dead)
			left := m.up[m.others(tt.dead)[0]]
			for range 2 { // at once, and when all is quiet
				begin := tool.Start(t)
				_, err := left.Propose(soon(t), []byte("second"))
				took := begin.Took()
				t.Logf("%v: %v", took, err)
				if !errors.Is(err, ErrNoQuorum) || !strings.Contains(err.Error(), "1 of 2 missing ("+tt.dead+")") {
					t.Errorf("got %v, want %v and who is missing", err, ErrNoQuorum)
				}
				if took > 4*time.Second {
					t.Errorf("refused only after %v", took)
				}
			}
			m.start(tt.dead, false, kept)
			begin := tool.Start(t)
			if err := left.Ready(soon(t)); err != nil {
				t.Fatal(err)
			}
			t.Logf("after its return writable again in %v", begin.Took())
			propose(t, left.Quorum, "third")
			m.same("first", "third")
		})
	}
}

func TestAMainCatchesUp(t *testing.T) {
	m := three(t)
	late := m.others(m.leader())[0]
	kept := m.stop(late)
	var want []string
	for i := range 700 { // more than Raft keeps: a snapshot
		want = append(want, fmt.Sprint(i))
	}
	lead := m.up[m.leader()]
	propose(t, lead.Quorum, want...)
	if err := lead.raft().Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	begin := tool.Start(t)
	back := m.start(late, false, kept)
	if err := back.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	t.Logf("700 changes behind: ready after %v", begin.Took())
	m.same(append([]string{"first"}, want...)...)
	if back.memory.restored == 0 {
		t.Error("it was not caught up by a snapshot")
	}
	propose(t, back.Quorum, "last")
}

func TestAVoterThatIsNotThereIsNotAdded(t *testing.T) {
	m := newMains(t)
	ada := m.start("ada", true, new(memory))
	propose(t, ada.Quorum, "first")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := ada.AddVoter(ctx, "bea"); err == nil {
		t.Error("got no error")
	}
	propose(t, ada.Quorum, "still writable")
	m.start("bea", false, new(memory))
	if err := ada.AddVoter(soon(t), "bea"); err != nil {
		t.Fatal(err)
	}
	m.same("first", "still writable")
}

func TestVotersLeave(t *testing.T) {
	m := three(t)
	lead := m.leader()
	other := m.others(lead)
	for _, name := range []string{other[0], lead} { // a follower, then the leader itself
		if err := m.up[other[1]].RemoveVoter(soon(t), name); err != nil {
			t.Fatal(err)
		}
		m.stop(name)
	}
	last := m.up[other[1]]
	propose(t, last.Quorum, "alone")
	if diff := cmp.Diff(other[1:], last.Voters()); diff != "" {
		t.Errorf("voters (-want +got):\n%s", diff)
	}
	if err := last.RemoveVoter(soon(t), other[1]); err == nil {
		t.Error("the last one could be removed")
	}
	kept := m.stop(other[1])
	begin := tool.Start(t)
	propose(t, m.start(other[1], false, kept).Quorum, "again")
	took := begin.Took()
	t.Logf("alone with a port: writable %v after the start", took)
	if took > heartbeat {
		t.Errorf("it waited %v for others that are not there", took)
	}
}

func TestALifeGUARDHasNoPart(t *testing.T) {
	m := newMains(t)
	ada := m.start("ada", true, new(memory))
	propose(t, ada.Quorum, "first")
	branch := m.startAs("branch", link.LifeGUARD, false, new(memory))
	for _, o := range []op{opState, opPropose, opAddVoter, opDropVoter, opBarrier} {
		a, err := branch.ask(soon(t), time.Second, "ada", o, []byte("branch"))
		if err != nil || a.status != statusFailed {
			t.Errorf("question %d: got %+v, %v, want a refusal", o, a, err)
		}
	}
	c, err := branch.port.Dial(soon(t), "ada", ada.port.Address(), link.ProtocolRaft)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %d bytes, %v, want a closed connection", n, err)
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(answer{statusRefused, 300, []byte("why")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := decodeAnswer(b)
		if err != nil {
			return
		}
		second, err := decodeAnswer(first.encode())
		if err != nil || first.status != second.status || first.index != second.index || string(first.rest) != string(second.rest) {
			t.Errorf("got %+v, %v, want %+v", second, err, first)
		}
	})
}

func mkdir(dir string) error { return os.MkdirAll(dir, 0o700) }
