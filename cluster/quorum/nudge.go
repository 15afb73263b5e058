package quorum

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

const (
	heartbeat = 2 * time.Second         // silence after which a follower gives up the leader, and a candidate its election
	lease     = 1500 * time.Millisecond // silence of the others after which a leader gives up
	commit    = 100 * time.Millisecond  // after which followers hear at the latest what is decided; idle, it is a packet each
	apart     = 500 * time.Millisecond  // between the elections of two followers, so that they do not split the votes
)

// nudge has Raft look at the time. It looks by itself only every two to four
// seconds, whenever that is, so that a follower notices a silent leader after
// up to six; and since the second to notice decides (the first is refused while
// the second still believes in the leader), the mean would be above four. Raft
// looks at once when its heartbeat is made shorter.
//
// Two that notice at once split the votes, which costs two to four seconds more.
// So each follower waits for its turn, and as long as it waits Raft is made to
// look too early, upon which it does not look again for two seconds.
func (q *Quorum) nudge() {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-q.stop:
			return
		case <-tick.C:
		}
		if _, leads := q.Leader(); !leads || q.raft().State() != raft.Follower {
			continue
		}
		silence := time.Since(q.raft().LastContact())
		early := silence > 5*step && silence < heartbeat-2*step
		if early || silence >= heartbeat+q.turn() {
			q.look()
		}
	}
}

// turn returns how much later than the first main this one stands for election.
func (q *Quorum) turn() time.Duration {
	voters := q.Voters()
	place := max(0, slices.Index(voters, q.options.Node))
	if q.options.Witness {
		place = len(voters)
	}
	return time.Duration(place) * apart
}

// look makes the heartbeat longer by nothing much, and shorter again.
func (q *Quorum) look() {
	usual := q.raft().ReloadableConfig()
	longer := usual
	longer.HeartbeatTimeout += time.Millisecond
	longer.ElectionTimeout += time.Millisecond
	if q.raft().ReloadConfig(longer) == nil {
		_ = q.raft().ReloadConfig(usual) // what was valid before is valid
	}
}
