package quorum

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// An engine is Raft at work in one epoch. What it has open to others ends with
// it, so that nothing that was said in one epoch is heard in another.
type engine struct {
	epoch     Epoch
	raft      *raft.Raft
	stream    *stream // nil without a port
	transport raft.Transport
	stop      chan struct{} // closed when nobody need watch any more
	watching  sync.WaitGroup
	shut      func() error // once; what it has returned, again
}

// ignite brings Raft up on the open log.
func (q *Quorum) ignite() error {
	logger := newLogger(q.options.Logger)
	e := &engine{stop: make(chan struct{})}
	e.shut = sync.OnceValue(e.end)
	var err error
	if e.epoch, err = q.log.epoch(); err != nil {
		return err
	}
	e.connect(q, logger)
	if err = e.start(q, logger); err != nil {
		return errors.Join(err, e.disconnect())
	}
	q.engine.Store(e)
	q.elected.tell()
	if q.options.Port != nil {
		q.standAlone()
	}
	return nil
}

func (e *engine) start(q *Quorum, logger hclog.Logger) error {
	snapshots, err := q.snapshots()
	if err != nil {
		return err
	}
	if e.raft, err = raft.NewRaft(config(q.options, logger), q.machine, q.log, q.log, snapshots, e.transport); err != nil {
		return err
	}
	observed := make(chan raft.Observation, 16)
	e.raft.RegisterObserver(raft.NewObserver(observed, true, watched))
	e.watching.Go(func() { q.watch(e, observed) })
	return nil
}

// connect reaches the other mains, or nobody.
func (e *engine) connect(q *Quorum, logger hclog.Logger) {
	if q.options.Port == nil {
		_, e.transport = raft.NewInmemTransport(raft.ServerAddress(q.options.Node))
		return
	}
	e.stream = newStream(q.options, e.epoch)
	e.transport = newSparing(raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: e.stream, MaxPool: 3, Timeout: rpcTime, Logger: logger,
	}), q.options.Sparing)
}

// end ends Raft, and all that it has open. What is under way fails.
func (e *engine) end() error {
	err := e.raft.Shutdown().Error()
	close(e.stop)
	e.watching.Wait()
	return errors.Join(err, e.disconnect())
}

func (e *engine) disconnect() error {
	if t, ok := e.transport.(raft.WithClose); ok {
		return t.Close()
	}
	return nil
}

// raft returns Raft as it runs now. After a change of epoch what was got before
// answers that it has ended.
func (q *Quorum) raft() *raft.Raft { return q.engine.Load().raft }

// snapshots returns the store of those that are in the directory.
func (q *Quorum) snapshots() (snapshotStore, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(q.options.Dir, keepSnapshots, newLogger(q.options.Logger))
	return snapshotStore{files}, err
}

// rpcTime is how long one of Raft's calls may take; a snapshot has as much for
// each 256 KiB.
const rpcTime = 5 * time.Second

// reformLocked writes down an intention, carries it out while no Raft runs on the
// log, and starts another engine. What it has begun and not finished is finished
// at the next start.
func (q *Quorum) reformLocked(intention, value []byte) error {
	select {
	case <-q.stop:
		return ErrClosed
	default:
	}
	if err := errors.Join(q.engine.Load().shut(), q.log.Set(intention, value)); err != nil {
		return err
	}
	if err := q.resume(); err != nil {
		return err
	}
	return q.ignite()
}

// meet hears of another node's epoch. Only a main can say that one has begun:
// a node that does not decide must not take away what was decided.
func (q *Quorum) meet(e Epoch, from string) {
	select {
	case q.later <- sighting{e, from}:
	default: // one is enough: it will be seen again
	}
}

// A sighting is a later epoch, and the main that is in it.
type sighting struct {
	epoch Epoch
	from  string
}

// followEpochs steps back whenever another main is in a later epoch.
func (q *Quorum) followEpochs() {
	for {
		select {
		case <-q.stop:
			return
		case s := <-q.later:
			if err := q.stepBack(s); err != nil && !errors.Is(err, ErrClosed) {
				q.options.Logger.Error("following the main that has taken over", "node", s.from, "error", err)
			}
		}
	}
}

// Epoch returns the epoch that this node is in.
func (q *Quorum) Epoch() Epoch { return q.engine.Load().epoch }
