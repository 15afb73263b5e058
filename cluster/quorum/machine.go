package quorum

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/raft"

	"carillon/cluster"
)

// snapshotBytes is how much may be applied before a snapshot lets the log
// forget it.
const snapshotBytes = 8 << 20

// A machine presents a [cluster.Machine] to Raft, which calls it from one
// goroutine.
type machine struct {
	cluster.Machine
	log   *slog.Logger
	bytes int           // applied since full was sent
	full  chan struct{} // has one element when a snapshot is due
}

func newMachine(m cluster.Machine, log *slog.Logger) *machine {
	return &machine{Machine: m, log: log, full: make(chan struct{}, 1)}
}

// Apply implements [raft.FSM]. Its result is the machine's error or nil.
func (m *machine) Apply(l *raft.Log) any {
	if m.bytes += len(l.Data); m.bytes > snapshotBytes {
		m.bytes = 0
		select {
		case m.full <- struct{}{}:
		default:
		}
	}
	if err := m.Machine.Apply(l.Index, l.Data); err != nil {
		return err
	}
	return nil
}

// Snapshot implements [raft.FSM].
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	b, err := m.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return state(b), nil
}

// Restore implements [raft.FSM].
func (m *machine) Restore(from io.ReadCloser) error {
	defer func() { _ = from.Close() }()
	b, err := io.ReadAll(from)
	if err != nil {
		return fmt.Errorf("reading a snapshot: %w", err)
	}
	return m.UnmarshalBinary(b)
}

// state is a snapshot on its way to disk or to another node.
type state []byte

// Persist implements [raft.FSMSnapshot].
func (s state) Persist(sink raft.SnapshotSink) error { return save(sink, s) }

// Release implements [raft.FSMSnapshot].
func (state) Release() {}

// save writes a whole snapshot or none.
func save(sink raft.SnapshotSink, b []byte) error {
	if _, err := sink.Write(b); err != nil {
		_ = sink.Cancel()
		return fmt.Errorf("writing a snapshot: %w", err)
	}
	return sink.Close()
}
