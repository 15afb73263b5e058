package quorum

import (
	"context"
	"errors"
	"time"
)

// A Blind is the machine of a witness: commands and snapshots mean nothing to it,
// and it keeps none. A snapshot that it gives is one that no other machine takes:
// a main that lacks more than the log of a witness cannot get it from there.
type Blind struct{}

// Apply implements [cluster.Machine].
func (Blind) Apply(uint64, []byte) error { return nil }

// MarshalBinary implements [cluster.Machine].
func (Blind) MarshalBinary() ([]byte, error) { return []byte("a witness knows nothing"), nil }

// UnmarshalBinary implements [cluster.Machine].
func (Blind) UnmarshalBinary([]byte) error { return nil }

// neverLead hands the lead over whenever this node has it: Raft elects a witness
// when it has what the main that is left has not. It gets it with the lead.
func (q *Quorum) neverLead() {
	tick := time.NewTicker(again)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-q.stop:
			return
		case <-tick.C:
		}
		if !q.leads() {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), deciding)
		err := q.StepAside(ctx)
		cancel()
		if err != nil && !errors.Is(err, errAgain) && err.Error() != said {
			said = err.Error()
			q.options.Logger.Warn("a witness leads, and nobody takes the lead", "error", err)
		}
	}
}
