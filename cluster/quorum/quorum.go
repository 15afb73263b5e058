// Package quorum agrees on commands among the mains by Raft and has each of
// them apply the commands in one order. It does not know what a command means:
// that is its [cluster.Machine]. The log is raft.db, snapshots lie beside it.
//
// Today the quorum is one node, which still writes a log: what Propose has
// returned from is fsynced, and one node becomes three without another format.
package quorum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"carillon/cluster"
)

// keepSnapshots is how many snapshots stay on disk.
const keepSnapshots = 2

// ErrNotLeader says that another node decides, or none can. What was proposed
// may still take effect if the node lost its lead while it was decided.
var ErrNotLeader = errors.New("this node does not lead the quorum")

// Options is what a quorum must be told.
type Options struct {
	Dir     string // of raft.db and snapshots
	Node    string // this node's name: for ever, it is what the log calls it
	Machine cluster.Machine
	Applied uint64 // the last index that Machine has on its own disk
	Found   bool   // begin a quorum of this node alone, unless Dir has one already
	Logger  *slog.Logger

	// Transport reaches the other members; nil is a quorum that needs none.
	Transport raft.Transport
}

func (o *Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("a quorum needs a directory")
	case o.Node == "":
		return errors.New("a quorum needs the name of its node")
	case o.Machine == nil:
		return errors.New("a quorum needs a machine")
	case o.Logger == nil:
		return errors.New("a quorum needs a logger")
	default:
		return nil
	}
}

// A Quorum is this node's part in the agreement. It is safe for concurrent use.
type Quorum struct {
	raft      *raft.Raft
	log       *logStore
	transport raft.Transport
	machine   *machine
	lead      lead
	stop      chan struct{}
	running   sync.WaitGroup
}

// Open opens or creates raft.db and takes part from then on, in goroutines that
// end with Close. A quorum of one leads a moment later; Propose waits for it.
func Open(o Options) (*Quorum, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	path := filepath.Join(o.Dir, logName)
	log, err := openLog(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	q := &Quorum{log: log, stop: make(chan struct{}), lead: newLead()}
	if err = q.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the quorum: %w", err), log.Close())
	}
	return q, nil
}

// start brings Raft up on the open log.
func (q *Quorum) start(o Options) error {
	logger := newLogger(o.Logger)
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(o.Dir, keepSnapshots, logger)
	if err != nil {
		return err
	}
	q.transport = o.Transport
	if q.transport == nil {
		_, q.transport = raft.NewInmemTransport(raft.ServerAddress(o.Node))
	}
	if err = found(o, q.log, snapshots, q.transport); err != nil {
		return err
	}
	q.machine = newMachine(o.Machine, o.Logger)
	leads := make(chan bool)
	q.raft, err = raft.NewRaft(config(o, leads, logger), q.machine, q.log, q.log, snapshots, q.transport)
	if err != nil {
		return err
	}
	q.running.Go(func() { q.watchLead(leads) })
	q.running.Go(q.takeSnapshots)
	return nil
}

// Propose has the quorum agree on command and returns when this node has
// applied it, with its index. The error is the machine's refusal, or says why
// there was no decision; if ctx ended, there may still be one.
func (q *Quorum) Propose(ctx context.Context, command []byte) (index uint64, err error) {
	if err = q.lead.wait(ctx); err != nil {
		return 0, fmt.Errorf("waiting for a leader: %w", err)
	}
	f := q.raft.Apply(command, 0)
	if err = wait(ctx, f); err != nil {
		return 0, fmt.Errorf("proposing: %w", plain(err))
	}
	refusal, _ := f.Response().(error)
	return f.Index(), refusal
}

// Ready returns when this node leads and its machine has applied all that was
// ever agreed on.
func (q *Quorum) Ready(ctx context.Context) error {
	if err := q.lead.wait(ctx); err != nil {
		return fmt.Errorf("waiting for a leader: %w", err)
	}
	if err := wait(ctx, q.raft.Barrier(0)); err != nil {
		return fmt.Errorf("waiting for the log: %w", plain(err))
	}
	return nil
}

// Close ends this node's part. Proposals under way fail.
func (q *Quorum) Close() error {
	errs := []error{q.raft.Shutdown().Error()}
	close(q.stop)
	q.running.Wait()
	if t, ok := q.transport.(raft.WithClose); ok {
		errs = append(errs, t.Close())
	}
	errs = append(errs, q.log.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the quorum: %w", err)
	}
	return nil
}

// takeSnapshots takes one whenever the machine has applied many bytes, because
// Raft itself counts entries, and one entry may be ten thousand users.
func (q *Quorum) takeSnapshots() {
	for {
		select {
		case <-q.stop:
			return
		case <-q.machine.full:
			_ = q.raft.Snapshot().Error() // logged by Raft; the log just stays longer
		}
	}
}

// wait waits for f or for ctx.
func wait(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }() // Raft resolves every future, at the latest when it shuts down
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// plain returns ErrNotLeader for what Raft has several errors for.
func plain(err error) error {
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) ||
		errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		return ErrNotLeader
	}
	return err
}

// config returns Raft's own options.
func config(o Options, leads chan<- bool, logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(o.Node)
	c.NotifyCh = leads
	c.Logger = logger
	c.NoLegacyTelemetry = true
	c.SnapshotThreshold = 512
	c.TrailingLogs = 32 // a member further behind gets a snapshot
	if o.Transport == nil {
		alone(c)
	}
	return c
}
