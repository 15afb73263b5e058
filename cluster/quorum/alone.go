package quorum

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"
)

// alone makes a node without peers lead at once: there is nobody whose
// heartbeat it could miss.
func alone(c *raft.Config) {
	const soon = 100 * time.Millisecond
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = soon, soon, soon
}

// standAlone makes a node that is alone in its quorum today, but has a port for
// others to come, lead at once: it tells itself what a leader tells its heir.
// With others it keeps its timers.
func (q *Quorum) standAlone() {
	voters := q.Voters()
	if len(voters) != 1 || voters[0] != q.options.Node {
		return
	}
	self, t := raft.ServerID(q.options.Node), q.engine.Load().transport
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(self), Addr: []byte(self)}
	err := t.TimeoutNow(self, t.LocalAddr(), &raft.TimeoutNowRequest{RPCHeader: header}, new(raft.TimeoutNowResponse))
	if err != nil {
		q.options.Logger.Debug("leading only after a heartbeat", "err", err)
	}
}

// found begins a quorum of one if that is asked for and there is none. A machine
// that has applied commands before, whose log is lost, becomes the snapshot that
// the new log begins with: its indexes go on, in an epoch of its own.
func (q *Quorum) found() error {
	o := q.options
	last, err := q.last()
	if err != nil {
		return err
	}
	switch {
	case last > 0 && last < o.Applied:
		return fmt.Errorf("%s ends at %d and the configuration at %d: it is an old copy: "+
			"put back both from one backup, or move it away with the directory snapshots", logName, last, o.Applied)
	case last > 0 || !o.Found:
		return nil
	case o.Applied > 0:
		o.Logger.Warn("the log is new: it begins with the configuration on disk", "index", o.Applied)
		return q.begin(Epoch{Start: o.Applied, ID: rand.Uint64()}, 1) //nolint:gosec // no secret
	}
	return q.log.found(&raft.Log{
		Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(q.onlyThis()),
	})
}

// last returns the last index in the log and the snapshots.
func (q *Quorum) last() (uint64, error) {
	last, err := q.log.LastIndex()
	if err != nil {
		return 0, err
	}
	snapshots, err := q.snapshots()
	if err != nil {
		return 0, err
	}
	have, err := snapshots.List()
	for _, s := range have {
		last = max(last, s.Index)
	}
	return last, err
}

// onlyThis is the quorum of this node alone. Addresses are names.
func (q *Quorum) onlyThis() raft.Configuration {
	return raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(q.options.Node), Address: raft.ServerAddress(q.options.Node),
	}}}
}

// begin begins an epoch of this node alone with what its machine has, which is
// the snapshot that the new log follows. All in the log before it goes.
func (q *Quorum) begin(e Epoch, term uint64) error {
	snapshots, err := q.snapshots()
	if err != nil {
		return err
	}
	state, err := q.options.Machine.MarshalBinary()
	if err != nil {
		return err
	}
	_, t := raft.NewInmemTransport(raft.ServerAddress(q.options.Node)) // only to write down addresses
	sink, err := snapshots.Create(raft.SnapshotVersionMax, e.Start, term, q.onlyThis(), e.Start, t)
	if err != nil {
		return err
	}
	if err = save(sink, state); err != nil {
		return err
	}
	return q.log.begin(e, term)
}
