package quorum

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memory is a machine that remembers commands and refuses some.
type memory struct {
	mu       sync.Mutex
	applied  uint64
	commands []string
	restored int
}

var errRefused = errors.New("refused")

func (m *memory) Apply(index uint64, command []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index <= m.applied {
		return nil
	}
	m.applied = index
	if strings.HasPrefix(string(command), "bad") {
		return errRefused
	}
	m.commands = append(m.commands, string(command))
	return nil
}

func (m *memory) MarshalBinary() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []byte(string(binary.BigEndian.AppendUint64(nil, m.applied)) + strings.Join(m.commands, "\n")), nil
}

func (m *memory) UnmarshalBinary(b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applied = binary.BigEndian.Uint64(b)
	m.commands = strings.Split(string(b[8:]), "\n")
	m.restored++
	return nil
}

func (m *memory) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.commands...)
}

func openTest(t *testing.T, dir string, m *memory) *Quorum {
	t.Helper()
	q, err := Open(Options{Dir: dir, Node: "laurel", Machine: m, Applied: m.applied, Found: true, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func propose(t *testing.T, q *Quorum, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := q.Propose(soon(t), []byte(c)); err != nil {
			t.Fatalf("proposing %s: %v", c, err)
		}
	}
}

func closeTest(t *testing.T, q *Quorum) {
	t.Helper()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestProposeAppliesInOrderAndAfterARestart(t *testing.T) {
	dir, m := t.TempDir(), new(memory)
	begin := time.Now()
	q := openTest(t, dir, m)
	propose(t, q, "a", "b")
	t.Logf("first proposal decided %v after the start", time.Since(begin))
	if _, err := q.Propose(soon(t), []byte("bad")); !errors.Is(err, errRefused) {
		t.Errorf("got %v, want the machine's refusal", err)
	}
	index, err := q.Propose(soon(t), []byte("c"))
	if err != nil || index != m.applied {
		t.Errorf("got index %d and error %v, want index %d", index, err, m.applied)
	}
	closeTest(t, q)

	again := new(memory)
	q = openTest(t, dir, again)
	defer closeTest(t, q)
	if err := q.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, again.list()); diff != "" {
		t.Errorf("a new machine after the restart (-want +got):\n%s", diff)
	}
}

func TestAMachineOnItsOwnDiskSkipsWhatItHas(t *testing.T) {
	dir, m := t.TempDir(), new(memory)
	for _, c := range []string{"a", "b", "c"} {
		q := openTest(t, dir, m)
		propose(t, q, c)
		closeTest(t, q)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, m.list()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManyBytesAreSnapshotted(t *testing.T) {
	dir, m := t.TempDir(), new(memory)
	q := openTest(t, dir, m)
	large := strings.Repeat("x", 1<<20)
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprint(i, large))
		propose(t, q, want[i])
	}
	await(t, "a snapshot", func() bool {
		all, _ := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
		return len(all) > 0
	})
	closeTest(t, q)

	again := new(memory)
	q = openTest(t, dir, again)
	defer closeTest(t, q)
	if err := q.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := again.list(); !cmp.Equal(want, got) || again.restored == 0 {
		t.Errorf("got %d commands and %d restores, want all %d and at least one", len(got), again.restored, len(want))
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestALostLogBeginsWithTheMachine(t *testing.T) {
	dir, m := t.TempDir(), new(memory)
	q := openTest(t, dir, m)
	propose(t, q, "a", "b")
	closeTest(t, q)
	before := m.applied
	for _, name := range []string{logName, "snapshots"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []string{"c", "d"} { // the second time from the log that was founded the first time
		q = openTest(t, dir, m)
		index, err := q.Propose(soon(t), []byte(c))
		if err != nil || index <= before {
			t.Errorf("%s: got index %d and error %v, want one above %d", c, index, err, before)
		}
		closeTest(t, q)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, m.list()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOpenRefusesWhatItCannotTrust(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string) uint64 // returns the machine's index
		want   string
	}{
		{"a log older than the machine", func(*testing.T, string) uint64 { return 1000 }, "old copy"},
		{"a log cut short", func(t *testing.T, dir string) uint64 {
			t.Helper()
			if err := os.Truncate(filepath.Join(dir, logName), 5000); err != nil {
				t.Fatal(err)
			}
			return 0
		}, "damaged"},
		{"a log of zeros", func(t *testing.T, dir string) uint64 {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, logName), make([]byte, 32<<10), 0o600); err != nil {
				t.Fatal(err)
			}
			return 0
		}, "damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			q := openTest(t, dir, new(memory))
			propose(t, q, "a")
			closeTest(t, q)
			index := tt.damage(t, dir)
			q, err := Open(Options{Dir: dir, Node: "laurel", Machine: new(memory), Applied: index, Found: true, Logger: quiet()})
			if err == nil {
				closeTest(t, q)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error about %q", err, tt.want)
			}
		})
	}
}

func TestADirectoryIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	q := openTest(t, dir, new(memory))
	defer closeTest(t, q)
	_, err := Open(Options{Dir: dir, Node: "laurel", Machine: new(memory), Logger: quiet()})
	if !errors.Is(err, errInUse) {
		t.Errorf("got %v, want %v", err, errInUse)
	}
}

func TestProposeWithoutALeader(t *testing.T) {
	q, err := Open(Options{Dir: t.TempDir(), Node: "laurel", Machine: new(memory), Logger: quiet()}) // founds nothing
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = q.Propose(ctx, []byte("a")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	closeTest(t, q)
	if _, err = q.Propose(soon(t), []byte("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close got %v, want %v", err, ErrClosed)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	full := Options{Dir: "d", Node: "laurel", Machine: new(memory), Logger: quiet()}
	tests := []struct {
		name  string
		spoil func(*Options)
	}{
		{"no directory", func(o *Options) { o.Dir = "" }},
		{"no node", func(o *Options) { o.Node = "" }},
		{"no machine", func(o *Options) { o.Machine = nil }},
		{"no logger", func(o *Options) { o.Logger = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := full
			tt.spoil(&o)
			if _, err := Open(o); err == nil {
				t.Error("got no error")
			}
		})
	}
}
