package quorum

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
	w := watcher{log: q.options.Logger, silent: &q.silent}
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
	silent *silence
}

// A silence is since when this node, leading, does not hear others.
type silence struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// begins notes that node is silent, and reports whether that is news.
func (s *silence) begins(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.since[node]; known {
		return false
	}
	if s.since == nil {
		s.since = make(map[string]time.Time)
	}
	s.since[node] = time.Now()
	return true
}

// ends notes that node is heard, and reports whether it was silent.
func (s *silence) ends(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.since[node]
	delete(s.since, node)
	return known
}

func (s *silence) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.since)
}

// Silence returns for how long this node, if it leads, has not heard others.
func (q *Quorum) Silence() map[string]time.Duration {
	q.silent.mu.Lock()
	defer q.silent.mu.Unlock()
	all := make(map[string]time.Duration)
	for node, since := range q.silent.since {
		all[node] = time.Since(since)
	}
	return all
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
		w.silent.clear()
	case raft.FailedHeartbeatObservation:
		if w.silent.begins(string(v.PeerID)) {
			w.log.Warn("a main does not answer", "node", v.PeerID)
		}
	case raft.ResumedHeartbeatObservation:
		if w.silent.ends(string(v.PeerID)) {
			w.log.Info("a main answers again", "node", v.PeerID)
		}
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
