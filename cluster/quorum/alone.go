package quorum

import (
	"fmt"
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
	self := raft.ServerID(q.options.Node)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(self), Addr: []byte(self)}
	err := q.transport.TimeoutNow(self, q.transport.LocalAddr(), &raft.TimeoutNowRequest{RPCHeader: header}, new(raft.TimeoutNowResponse))
	if err != nil {
		q.options.Logger.Debug("leading only after a heartbeat", "err", err)
	}
}

// found begins a quorum of one if o asks for it and there is none. A machine
// that has applied commands before, whose log is lost, becomes the snapshot
// that the new log begins with: its indexes go on.
func found(o Options, log *logStore, snapshots raft.SnapshotStore, t raft.Transport) error {
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	have, err := snapshots.List()
	if err != nil {
		return err
	}
	for _, s := range have {
		last = max(last, s.Index)
	}
	switch {
	case last > 0 && last < o.Applied:
		return fmt.Errorf("%s ends at %d and the configuration at %d: it is an old copy: "+
			"put back both from one backup, or move it away with the directory snapshots", logName, last, o.Applied)
	case last > 0 || !o.Found:
		return nil
	}
	members := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(o.Node), Address: t.LocalAddr(),
	}}}
	if o.Applied == 0 {
		return log.found(&raft.Log{
			Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members),
		})
	}
	return foundOn(o, members, snapshots, t)
}

// foundOn writes the snapshot that a new log follows.
func foundOn(o Options, members raft.Configuration, snapshots raft.SnapshotStore, t raft.Transport) error {
	state, err := o.Machine.MarshalBinary()
	if err != nil {
		return err
	}
	sink, err := snapshots.Create(raft.SnapshotVersionMax, o.Applied, 1, members, o.Applied, t)
	if err != nil {
		return err
	}
	o.Logger.Warn("the log is new: it begins with the configuration on disk", "index", o.Applied)
	return save(sink, state)
}
