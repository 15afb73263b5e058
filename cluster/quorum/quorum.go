// Package quorum agrees on commands among the mains by Raft and has each of
// them apply the commands in one order. It does not know what a command means:
// that is its [cluster.Machine]. The log is raft.db, snapshots lie beside it.
// It talks to the other mains over the port of package link, where it knows
// them by name.
//
// A quorum may be one node, which still writes a log: what Propose has returned
// from is fsynced, and one node becomes three without another format.
package quorum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"carillon/cluster"
	"carillon/cluster/link"
)

// keepSnapshots is how many snapshots stay on disk.
const keepSnapshots = 2

// Errors that a caller may tell apart.
var (
	// ErrNoQuorum says that too few mains can be reached to decide; nothing has
	// changed. The error around it says how many are missing, and which.
	ErrNoQuorum = errors.New("too few mains to change the configuration")
	// ErrUncertain says that the lead was lost, or the leader, while it decided:
	// what was proposed may have taken effect, or may yet.
	ErrUncertain = errors.New("the leader was lost before it answered: what was proposed may still take effect")
	// ErrClosed says that this node's part has ended.
	ErrClosed = errors.New("the quorum is closed")
)

// Options is what a quorum must be told.
type Options struct {
	Dir     string // of raft.db and snapshots
	Node    string // this node's name: for ever, it is what the log calls it
	Machine cluster.Machine
	Applied uint64 // the last index that Machine has on its own disk
	Found   bool   // begin a quorum of this node alone, unless Dir has one already
	Logger  *slog.Logger

	// Witness is a node that votes and does not lead: it hands the lead over as soon
	// as it has it. Its Machine need not understand commands.
	Witness bool
	// Port reaches the other mains; nil is a quorum that has none. Open takes its
	// part of the port, so that it comes before the port's Run.
	Port Port
	// Address says where a node's cluster port is now.
	Address func(node string) (netip.AddrPort, bool)
	// Sparing says which nodes stand behind a thin line; nil: none.
	Sparing func(node string) bool
	// MayPropose says who may ask this node to propose a command; nil: the mains.
	MayPropose func(link.Peer) bool
	// Encode and Decode carry the machine's refusals from the leader to the main
	// where it was proposed; nil: as text.
	Encode func(error) []byte
	Decode func([]byte) error
	// SteppedBack is told that this node follows another main, which has taken
	// over, with what is in its log before that is dropped: commands that the other
	// may have or not. It must not use the Quorum; nil: nobody is told.
	SteppedBack func(from string, commands []Entry)
}

// An Entry is a command of the log and its index.
type Entry struct {
	Index   uint64
	Command []byte
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
	case o.Port != nil && o.Address == nil:
		return errors.New("a quorum needs the addresses of its nodes")
	default:
		return nil
	}
}

// complete fills in what may be left out.
func (o *Options) complete() {
	if o.MayPropose == nil {
		o.MayPropose = func(p link.Peer) bool { return p.Role == link.Main }
	}
	if o.Encode == nil {
		o.Encode = func(err error) []byte { return []byte(err.Error()) }
	}
	if o.Decode == nil {
		o.Decode = func(b []byte) error { return errors.New(string(b)) }
	}
	if o.Sparing == nil {
		o.Sparing = func(string) bool { return false }
	}
	if o.SteppedBack == nil {
		o.SteppedBack = func(string, []Entry) {}
	}
}

// A Quorum is this node's part in the agreement. It is safe for concurrent use.
type Quorum struct {
	options Options
	log     *logStore
	machine *machine
	engine  atomic.Pointer[engine]
	elected *news // of the leader
	silent  silence
	later   chan sighting // of a later epoch, to be followed
	begun   chan struct{} // closed when there is an engine
	stop    chan struct{}
	running sync.WaitGroup

	reforming sync.Mutex // held while one engine gives way to another
}

// Open opens or creates raft.db and takes part from then on, in goroutines that
// end with Close. A quorum of one leads a moment later; Propose waits for it. A
// node that founds nothing and has no log is silent until a leader has added it.
func Open(o Options) (*Quorum, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.complete()
	path := filepath.Join(o.Dir, logName)
	log, err := openLog(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	q := &Quorum{
		options: o, log: log, machine: newMachine(o.Machine),
		elected: newNews(), later: make(chan sighting, 1), begun: make(chan struct{}), stop: make(chan struct{}),
	}
	if err = q.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the quorum: %w", err), log.Close())
	}
	return q, nil
}

// start finishes what the last process has begun, and takes part.
func (q *Quorum) start() error {
	if q.options.Port != nil {
		q.options.Port.Handle(link.ProtocolRaft, q.greet)
		q.options.Port.HandleAsk(askKind, q.reply)
	}
	if err := q.resume(); err != nil {
		return err
	}
	if err := q.found(); err != nil {
		return err
	}
	if err := q.ignite(); err != nil {
		return err
	}
	close(q.begun)
	q.running.Go(q.takeSnapshots)
	if q.options.Port != nil {
		q.running.Go(q.nudge)
		q.running.Go(q.followEpochs)
		if q.options.Witness {
			q.running.Go(q.neverLead)
		}
	}
	return nil
}

// Close ends this node's part. Proposals under way fail. A leader hands its
// lead over first, if there is somebody to take it.
func (q *Quorum) Close() error {
	voters := q.Voters()
	if q.leads() && len(q.missing(context.Background(), voters)) < len(voters)-1 {
		_ = q.raft().LeadershipTransfer().Error() // two seconds at most; else the others elect one
	}
	close(q.stop)
	q.reforming.Lock()
	errs := []error{q.engine.Load().shut()}
	q.reforming.Unlock()
	q.running.Wait()
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
			_ = q.raft().Snapshot().Error() // logged by Raft; the log just stays longer
		}
	}
}

// config returns Raft's own options.
func config(o Options, logger hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(o.Node)
	c.Logger = logger
	c.NoLegacyTelemetry = true
	c.SnapshotThreshold = 512
	c.TrailingLogs = 32 // a member further behind gets a snapshot
	c.ShutdownOnRemove = false
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = heartbeat, heartbeat, lease
	c.CommitTimeout = commit
	if o.Witness {
		c.TrailingLogs = 4096 // its snapshots are of no use
	}
	if o.Port == nil {
		alone(c)
	}
	return c
}
