package quorum

import (
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"
)

const (
	heartbeat = 2 * time.Second         // silence after which a follower gives up the leader, and a candidate its election
	lease     = 1500 * time.Millisecond // silence of the others after which a leader gives up
	commit    = 100 * time.Millisecond  // after which followers hear at the latest what is decided; idle, it is a packet each
	spread    = time.Second             // so that two followers do not stand at once
)

// nudge has Raft look at the time. It looks by itself only every two to four
// seconds, whenever that is, so that a follower notices a silent leader after
// up to six; and since the second to notice decides (the first is refused while
// the second still believes in the leader), the mean would be above four. Raft
// looks at once when its heartbeat is made shorter.
func (q *Quorum) nudge() {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	patience := heartbeat
	for {
		select {
		case <-q.stop:
			return
		case <-tick.C:
		}
		_, leads := q.Leader()
		if !leads || q.raft.State() != raft.Follower || time.Since(q.raft.LastContact()) < patience {
			continue
		}
		q.look()
		patience = heartbeat + rand.N(spread) //nolint:gosec // spreads elections, hides nothing
	}
}

// look makes the heartbeat longer by nothing much, and shorter again.
func (q *Quorum) look() {
	usual := q.raft.ReloadableConfig()
	longer := usual
	longer.HeartbeatTimeout += time.Millisecond
	longer.ElectionTimeout += time.Millisecond
	if q.raft.ReloadConfig(longer) == nil {
		_ = q.raft.ReloadConfig(usual) // what was valid before is valid
	}
}
