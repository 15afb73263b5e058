package quorum

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// two are ada, who founds, and bea.
func two(t *testing.T) *mains {
	t.Helper()
	m := newMains(t)
	ada := m.start("ada", true, new(memory))
	propose(t, ada.Quorum, "first")
	m.start("bea", false, new(memory))
	if err := ada.AddVoter(soon(t), "bea"); err != nil {
		t.Fatal(err)
	}
	await(t, "two votes", func() bool { return len(m.up["bea"].Voters()) == 2 && len(m.up["bea"].memory.list()) == 1 })
	return m
}

func (m *mains) takeOver(node, command string) {
	m.t.Helper()
	index, err := m.up[node].TakeOver(soon(m.t), []byte(command))
	if err != nil {
		m.t.Fatal(err)
	}
	if got := m.up[node].Epoch().Start; index != got {
		m.t.Errorf("%s: its first index is %d, and its epoch begins at %d", node, index, got)
	}
}

// rejoin has the leader give a vote back, as it does for every main it hears.
func (m *mains) rejoin(leader, node string) {
	m.t.Helper()
	await(m.t, node+" has a vote again", func() bool { return m.up[leader].AddVoter(within(m.t, 2*time.Second), node) == nil })
}

func TestTakeOverOfTwo(t *testing.T) {
	m := two(t)
	bea := m.up["bea"]
	if _, err := bea.TakeOver(soon(t), []byte("too early")); !errors.Is(err, ErrMajority) {
		t.Errorf("while both answer: got %v, want %v", err, ErrMajority)
	}
	kept := m.kill("ada")
	unheard(t, m.dir+"/ada")
	if _, err := bea.Propose(soon(t), []byte("refused")); !errors.Is(err, ErrNoQuorum) {
		t.Errorf("got %v, want %v", err, ErrNoQuorum)
	}
	begin := time.Now()
	m.takeOver("bea", "bea took over")
	propose(t, bea.Quorum, "alone")
	t.Logf("writable %v after the word", time.Since(begin))

	back := m.start("ada", false, kept)
	await(t, "ada steps back", func() bool {
		_ = bea.AddVoter(within(t, time.Second), "ada")
		return back.Epoch() == bea.Epoch() && len(back.Voters()) == 2
	})
	propose(t, back.Quorum, "together")
	m.same("first", "bea took over", "alone", "together")
	if got := m.wasDropped("ada"); !slices.Contains(got, "unheard") {
		t.Errorf("told that %q is dropped, want what was not agreed on", got)
	}

	for _, node := range []string{"ada", "bea"} { // and all of it lasts
		kept := m.stop(node)
		m.start(node, false, kept)
	}
	propose(t, m.up["ada"].Quorum, "after a restart")
	m.same("first", "bea took over", "alone", "together", "after a restart")
}

// unheard writes a command into the log of a main that does not run, as if it had
// appended it last.
func unheard(t *testing.T, dir string) {
	t.Helper()
	log, err := openLog(dir + "/" + logName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	last, err := log.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(50) { // a longer log than anybody's
		entry := &raft.Log{Index: last + 1 + i, Term: 9, Type: raft.LogCommand, Data: []byte("unheard")}
		if err = log.StoreLog(entry); err != nil {
			t.Fatal(err)
		}
	}
	if err = log.SetUint64(keyTerm(), 9); err != nil {
		t.Fatal(err)
	}
}

func TestTakeOverOfThree(t *testing.T) {
	m := three(t)
	await(t, "cem to know that it votes", func() bool { return len(m.up["cem"].Voters()) == 3 && len(m.up["cem"].memory.list()) == 1 })
	m.kill("ada")
	kept := m.kill("bea")
	m.takeOver("cem", "cem took over")
	propose(t, m.up["cem"].Quorum, "alone")
	m.start("bea", false, kept)
	m.rejoin("cem", "bea")
	propose(t, m.up["bea"].Quorum, "two")
	m.same("first", "cem took over", "alone", "two")
	if _, err := m.up["bea"].TakeOver(soon(t), []byte("no")); !errors.Is(err, ErrMajority) {
		t.Errorf("got %v, want %v", err, ErrMajority)
	}
}

// TestTakeOverIsFinishedAtTheNextStart: wherever the process dies in a take-over
// or on its way back, the next one is where it would have come to.
func TestTakeOverIsFinishedAtTheNextStart(t *testing.T) {
	m := two(t)
	ada, bea := m.kill("ada"), m.stop("bea")
	e := nextEpoch(3)
	intend(t, m.dir+"/bea", keyTakeOver(), append(e.encode(), "bea took over"...))
	intend(t, m.dir+"/ada", keyStepBack(), e.encode())
	m.start("ada", false, ada)
	one := m.start("bea", false, bea)
	if got := one.Epoch(); got != e {
		t.Errorf("got epoch %v, want %v", got, e)
	}
	if got := m.up["ada"].Voters(); len(got) != 0 {
		t.Errorf("ada still knows of votes: %q", got)
	}
	m.rejoin("bea", "ada")
	propose(t, m.up["ada"].Quorum, "together")
	m.same("first", "bea took over", "together")
}

func intend(t *testing.T, dir string, key, value []byte) {
	t.Helper()
	log, err := openLog(dir + "/" + logName)
	if err != nil {
		t.Fatal(err)
	}
	if err = errors.Join(log.Set(key, value), log.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestTakeOversInAnyOrder takes over here and there while mains die and come
// back, at random: in the end there is one log, that of the latest epoch, and
// what a leader acknowledged in that is in it.
func TestTakeOversInAnyOrder(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func anyOrder(t *testing.T, r *rand.Rand) {
	t.Helper()
	m := two(t)
	acknowledged := map[Epoch][]string{}
	kept := map[string]*memory{}
	names := []string{"ada", "bea"}
	for step := range 12 {
		name := names[r.IntN(2)]
		other := names[0]
		if name == other {
			other = names[1]
		}
		switch {
		case m.up[name] == nil:
			m.start(name, false, kept[name])
		case m.up[other] != nil && r.IntN(2) == 0:
			kept[name] = m.kill(name)
		case m.up[other] == nil && r.IntN(3) > 0:
			word := fmt.Sprintf("%s took over at %d", name, step)
			if _, err := m.up[name].TakeOver(soon(t), []byte(word)); err != nil && !errors.Is(err, ErrMajority) && !strings.Contains(err.Error(), "no vote") {
				t.Fatal(err)
			}
		}
		for _, one := range m.up {
			e, word := one.Epoch(), fmt.Sprintf("%s at %d", name, step)
			if _, err := one.Propose(within(t, time.Second), []byte(word)); err == nil && one.Epoch() == e {
				acknowledged[e] = append(acknowledged[e], word)
			}
		}
	}
	for _, name := range names {
		if m.up[name] == nil {
			m.start(name, false, kept[name])
		}
	}
	m.converge()
	latest := m.up["ada"].Epoch()
	m.same(m.up["ada"].memory.list()...)
	for _, word := range acknowledged[latest] {
		if !slices.Contains(m.up["bea"].memory.list(), word) {
			t.Errorf("%q was acknowledged in the latest epoch and is lost", word)
		}
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// converge does what the voters of a node do, until all are of one epoch and can
// change something.
func (m *mains) converge() {
	m.t.Helper()
	await(m.t, "one system", func() bool {
		epochs := map[Epoch]bool{}
		for name, one := range m.up {
			epochs[one.Epoch()] = true
			for other := range m.up {
				if other != name && one.leads() {
					_ = one.AddVoter(within(m.t, time.Second), other)
				}
			}
		}
		return len(epochs) == 1 && len(m.up["ada"].Voters()) == len(m.up) && len(m.up["bea"].Voters()) == len(m.up)
	})
	if _, err := m.up["ada"].Propose(soon(m.t), []byte("the end")); err != nil {
		m.t.Fatal(err)
	}
}

func TestEpochs(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b Epoch
		want bool
	}{
		{"the first is the earliest", Epoch{}, nextEpoch(0), false},
		{"one that follows", nextEpoch(nextEpoch(17).Start + 5), nextEpoch(17), true},
		{"itself", Epoch{5, 1}, Epoch{5, 1}, false},
		{"two that began alike", Epoch{5, 2}, Epoch{5, 1}, true},
	} {
		if got := tt.a.Later(tt.b); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	for range 1000 {
		last := rand.Uint64N(1 << 50)
		if e := nextEpoch(last); e.Start <= last || e.Start > last+2*epochStep {
			t.Fatalf("behind %d begins %d", last, e.Start)
		}
	}
	e := nextEpoch(1)
	got, rest, err := decodeEpoch(append(e.encode(), "rest"...))
	if err != nil || got != e || string(rest) != "rest" {
		t.Errorf("got %v, %q, %v", got, rest, err)
	}
	if diff := cmp.Diff(errEpoch.Error(), func() string { _, _, err := decodeEpoch(e.encode()[1:]); return err.Error() }()); diff != "" {
		t.Error(diff)
	}
}
