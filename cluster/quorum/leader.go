package quorum

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/hashicorp/raft"
)

// News lets any number of goroutines wait for the next change of something.
type news struct {
	mu   sync.Mutex
	next chan struct{} // closed by tell
}

func newNews() *news { return &news{next: make(chan struct{})} }

// wait returns a channel that is closed at the next change.
func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.next
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.next)
	n.next = make(chan struct{})
}

// Leader returns the name of the node that leads, as far as this one knows:
// after the leader's death it is wrong for two to three seconds.
func (q *Quorum) Leader() (node string, ok bool) {
	_, id := q.raft().LeaderWithID()
	return string(id), id != ""
}

// Settled returns who leads, as soon as the others confirm it. The error says
// why nobody does: [ErrNoQuorum] after about three seconds.
func (q *Quorum) Settled(ctx context.Context) (leader string, err error) {
	for {
		if _, err = q.request(ctx, opBarrier, nil); err != nil {
			return "", fmt.Errorf("finding who leads: %w", err)
		}
		if leader, ok := q.Leader(); ok {
			return leader, nil
		}
	}
}

// leads says whether this node leads.
func (q *Quorum) leads() bool {
	leader, ok := q.Leader()
	return ok && leader == q.options.Node
}

// watch follows what an engine's Raft observes until that ends.
func (q *Quorum) watch(e *engine, observed <-chan raft.Observation) {
	w := watcher{log: q.options.Logger, silent: map[raft.ServerID]bool{}}
	for {
		select {
		case <-e.stop:
			return
		case o := <-observed:
			w.say(o.Data, len(serversOf(e.raft)) > 1)
			if _, ok := o.Data.(raft.LeaderObservation); ok {
				q.elected.tell()
			}
		}
	}
}

// A watcher writes for the operator what changes among several mains: once.
type watcher struct {
	log    *slog.Logger
	leader raft.ServerID
	silent map[raft.ServerID]bool // mains that this node, leading, does not hear
}

func (w *watcher) say(what any, several bool) {
	switch v := what.(type) {
	case raft.LeaderObservation:
		if several && v.LeaderID != "" && v.LeaderID != w.leader {
			w.log.Info("a main leads", "node", v.LeaderID)
		}
		if several && v.LeaderID == "" && w.leader != "" {
			w.log.Warn("no main leads: the configuration cannot change for now")
		}
		w.leader = v.LeaderID
		clear(w.silent)
	case raft.FailedHeartbeatObservation:
		if !w.silent[v.PeerID] {
			w.log.Warn("a main does not answer", "node", v.PeerID)
		}
		w.silent[v.PeerID] = true
	case raft.ResumedHeartbeatObservation:
		if w.silent[v.PeerID] {
			w.log.Info("a main answers again", "node", v.PeerID)
		}
		delete(w.silent, v.PeerID)
	}
}

// watched are the observations that watch wants.
func watched(o *raft.Observation) bool {
	switch o.Data.(type) {
	case raft.LeaderObservation, raft.FailedHeartbeatObservation, raft.ResumedHeartbeatObservation:
		return true
	default:
		return false
	}
}
