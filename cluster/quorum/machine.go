package quorum

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

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
	bytes   int           // applied since full was sent
	full    chan struct{} // has one element when a snapshot is due
	applied atomic.Uint64 // the last command applied, or the snapshot's index
	news    *news         // of applied
}

func newMachine(m cluster.Machine) *machine {
	return &machine{Machine: m, full: make(chan struct{}, 1), news: newNews()}
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
	err := m.Machine.Apply(l.Index, l.Data)
	m.have(l.Index)
	if err != nil {
		return err
	}
	return nil
}

// have says that index is applied.
func (m *machine) have(index uint64) {
	m.applied.Store(index)
	m.news.tell()
}

// wait returns when index is applied.
func (m *machine) wait(ctx context.Context, index uint64) error {
	for {
		changed := m.news.wait()
		if m.applied.Load() >= index {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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
	if err = m.UnmarshalBinary(b); err != nil {
		return err
	}
	m.have(indexOf(from))
	return nil
}

// A snapshotStore tells the index of a snapshot to who restores it.
type snapshotStore struct{ raft.SnapshotStore }

type snapshotReader struct {
	io.ReadCloser
	index uint64
}

// Open implements [raft.SnapshotStore].
func (s snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, from, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	return meta, snapshotReader{from, meta.Index}, nil
}

// indexOf returns the index of the snapshot that from reads.
func indexOf(from io.ReadCloser) uint64 {
	for {
		switch r := from.(type) {
		case snapshotReader:
			return r.index
		case raft.ReadCloserWrapper:
			from = r.WrappedReadCloser()
		default:
			return 0
		}
	}
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
