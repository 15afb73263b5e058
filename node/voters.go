package node

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"carillon/cluster/quorum"
	"carillon/store"
)

// voters sees to it that the mains of the View, and no others, decide. The main
// that leads does the work.
type voters struct {
	self   string
	config *configuration
	quorum *quorum.Quorum
	log    *slog.Logger

	mu    sync.Mutex        // held while votes are given and taken
	known map[string]string // certificates of the mains, by name
}

// votersEvery is how often the leader compares.
const votersEvery = time.Second

// Run compares until ctx ends.
func (v *voters) Run(ctx context.Context) error {
	tick := time.NewTicker(votersEvery)
	defer tick.Stop()
	for {
		if leader, ok := v.quorum.Leader(); ok && leader == v.self {
			v.compare(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (v *voters) compare(ctx context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	mains := make(map[string]store.Node)
	for _, n := range v.config.View().Nodes() {
		if n.Role == store.Main {
			mains[n.Name] = n
		}
	}
	if _, known := mains[v.self]; !known {
		return // the View is not yet that of this system
	}
	have := v.quorum.Voters()
	for _, name := range have {
		if n, stays := mains[name]; !stays || v.isAnother(n) {
			v.do("taking a main's vote", name, v.quorum.RemoveVoter(ctx, name))
		}
	}
	for name, n := range mains {
		if !slices.Contains(have, name) {
			v.do("giving a main a vote", name, v.quorum.AddVoter(ctx, name))
		}
		v.known[name] = n.Certificate
	}
}

// dismiss takes a main out of the system, at the main that leads: its vote first,
// which is refused when the others cannot decide without it, then the node. In
// the other order the leader might need the vote of one that is turned away.
func (v *voters) dismiss(ctx context.Context, change store.RemoveNode) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, err := change.On(v.config.View()); err != nil {
		return err
	}
	if err := v.quorum.RemoveVoter(ctx, change.Name); err != nil {
		return explainPropose(err)
	}
	return v.config.Propose(ctx, change)
}

// isAnother reports whether a main is a new one under an old name, whose log is
// empty: it must not vote with what the old one had promised.
func (v *voters) isAnother(n store.Node) bool {
	before, known := v.known[n.Name]
	return known && before != n.Certificate
}

func (v *voters) do(what, node string, err error) {
	if err != nil {
		v.log.Info("the mains that decide are not yet those there are", "step", what, "node", node, "error", err)
		return
	}
	v.log.Info("the mains that decide have changed", "step", what, "node", node)
}
