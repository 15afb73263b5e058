package quorum

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// A sparing transport leaves out what Raft says for nothing: some ten times a second
// it tells each follower again which commit index it knows already, and three
// times that it leads. The first is left out altogether; the second is said more
// rarely to who stands behind a thin line.
type sparing struct {
	*raft.NetworkTransport
	thin func(node string) bool

	mu   sync.Mutex
	said map[raft.ServerID]time.Time // the last heartbeat, to those behind a thin line
}

// rarely is the least time between two heartbeats over a thin line: well below
// the silence after which a leader gives up (lease), or is given up (heartbeat).
const rarely = 600 * time.Millisecond

func newSparing(t *raft.NetworkTransport, thin func(string) bool) *sparing {
	return &sparing{NetworkTransport: t, thin: thin, said: make(map[raft.ServerID]time.Time)}
}

// AppendEntries implements [raft.Transport]. A heartbeat waits for its time.
func (q *sparing) AppendEntries(
	id raft.ServerID, at raft.ServerAddress, what *raft.AppendEntriesRequest, answer *raft.AppendEntriesResponse,
) error {
	if isHeartbeat(what) && q.thin(string(id)) {
		time.Sleep(q.wait(id))
	}
	return q.NetworkTransport.AppendEntries(id, at, what, answer)
}

// wait returns how long a heartbeat waits, and notes when it is said.
func (q *sparing) wait(id raft.ServerID) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := max(0, time.Until(q.said[id].Add(rarely)))
	q.said[id] = time.Now().Add(d)
	return d
}

func isHeartbeat(r *raft.AppendEntriesRequest) bool {
	return len(r.Entries) == 0 && r.PrevLogEntry == 0 && r.LeaderCommitIndex == 0
}

// AppendEntriesPipeline implements [raft.Transport].
func (q *sparing) AppendEntriesPipeline(id raft.ServerID, at raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := q.NetworkTransport.AppendEntriesPipeline(id, at)
	if err != nil {
		return nil, err
	}
	return &pipeline{AppendPipeline: p}, nil
}

// A pipeline is used by one goroutine of Raft's.
type pipeline struct {
	raft.AppendPipeline
	last position
}

// A position is all that an append without entries says.
type position struct{ term, index, indexTerm, commit uint64 }

// AppendEntries implements [raft.AppendPipeline]. What was said last is not said
// again; nobody waits for its answer, because there is none.
func (p *pipeline) AppendEntries(what *raft.AppendEntriesRequest, answer *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	now := position{what.Term, what.PrevLogEntry, what.PrevLogTerm, what.LeaderCommitIndex}
	if len(what.Entries) == 0 && now == p.last {
		return unsaid{}, nil
	}
	p.last = now
	return p.AppendPipeline.AppendEntries(what, answer)
}

// unsaid is the future of what was left out.
type unsaid struct{ raft.AppendFuture }
