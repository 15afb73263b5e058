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

// voters sees to it that those decide who should: see votes. The main that leads
// does the work.
type voters struct {
	self   string
	config *configuration
	quorum *quorum.Quorum
	sealer sealer
	log    *slog.Logger
	health time.Duration // how long one answers before it is given a vote

	mu       sync.Mutex           // held while votes are given and taken
	known    map[string]uint64    // epochs of those who are to have one, by name
	answered map[string]time.Time // since when those who have none answer
	failed   map[string]string    // the last error of a step, so that it is said once
}

// newVoters completes v.
func newVoters(v *voters) *voters {
	v.known, v.answered, v.failed = make(map[string]uint64), make(map[string]time.Time), make(map[string]string)
	if v.health == 0 {
		v.health = firstHealth
	}
	return v
}

const (
	votersEvery = time.Second      // how often the leader compares
	firstHealth = 10 * time.Second // before a vote is given
	deathTime   = time.Minute      // of silence, before one is taken
)

// Run compares until ctx ends.
func (v *voters) Run(ctx context.Context) error {
	tick := time.NewTicker(votersEvery)
	defer tick.Stop()
	for {
		if leader, ok := v.quorum.Leader(); ok && leader == v.self {
			v.compare(ctx)
		} else {
			v.rest()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// rest forgets who answers, while another main asks.
func (v *voters) rest() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.answered)
}

func (v *voters) compare(ctx context.Context) {
	v.mu.Lock()
	defer v.mu.Unlock()
	nodes := deciders(v.config.View())
	if _, known := nodes[v.self]; !known {
		return // the View is not yet that of this system
	}
	v.listen(ctx, nodes)
	v.feed(ctx, nodes)
	plan := v.plan(nodes)
	switch s := plan.next(); {
	case s.node == "":
	case s.give:
		v.do("giving a vote", s.node, v.quorum.AddVoter(ctx, s.node))
	default:
		v.do("taking a vote", s.node, v.quorum.RemoveVoter(ctx, s.node))
	}
	v.remember(nodes)
}

// deciders are the nodes that may have a vote.
func deciders(view *store.View) map[string]store.Node {
	nodes := make(map[string]store.Node)
	for _, n := range view.Nodes() {
		if n.Role == store.Main || n.Role == store.Witness {
			nodes[n.Name] = n
		}
	}
	return nodes
}

func (v *voters) plan(nodes map[string]store.Node) votes {
	p := votes{
		self: v.self, have: v.quorum.Voters(),
		replaced: make(map[string]bool), healthy: make(map[string]bool), dead: make(map[string]bool),
	}
	for name, n := range nodes {
		p.nodes = append(p.nodes, n)
		p.replaced[name] = v.isAnother(n)
		since, answers := v.answered[name]
		p.healthy[name] = answers && time.Since(since) >= v.health
	}
	for name, silence := range v.quorum.Silence() {
		p.dead[name] = silence >= deathTime
	}
	return p
}

// listen notes who of those without a vote answers. It is also how a main that
// comes back hears that another one has taken over.
func (v *voters) listen(ctx context.Context, nodes map[string]store.Node) {
	have := make(map[string]bool)
	for _, name := range v.quorum.Voters() {
		have[name] = true
	}
	var asked []string
	for name := range nodes {
		if have[name] {
			delete(v.answered, name)
		} else {
			asked = append(asked, name)
		}
	}
	silent := make(map[string]bool)
	for _, name := range v.quorum.Silent(ctx, asked) {
		silent[name] = true
	}
	for _, name := range asked {
		_, already := v.answered[name]
		switch {
		case silent[name]:
			delete(v.answered, name)
		case !already:
			v.answered[name] = time.Now()
		}
	}
}

// feed has the log sent to the mains that answer, with or without a vote, and to
// nobody who is gone.
func (v *voters) feed(ctx context.Context, nodes map[string]store.Node) {
	fed := make(map[string]bool)
	for _, name := range v.quorum.Followers() {
		fed[name] = true
		if _, stays := nodes[name]; !stays {
			v.do("leaving a node that is gone", name, v.quorum.RemoveVoter(ctx, name))
		}
	}
	for name := range v.answered {
		if n := nodes[name]; n.Role == store.Main && !fed[name] {
			if err := v.quorum.AddFollower(ctx, name); err != nil {
				v.log.Debug("sending the changes to a main", "node", name, "error", err)
			}
		}
	}
}

// remember keeps which life of its name each is in, but for one that votes under the
// name of another.
func (v *voters) remember(nodes map[string]store.Node) {
	replaced := v.plan(nodes)
	for name, n := range nodes {
		if !replaced.replaced[name] || !slices.Contains(replaced.have, name) {
			v.known[name] = n.Epoch
		}
	}
}

// dismiss takes a node out of the system, at the main that leads: its vote first,
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

// isAnother reports whether a node is a new one under an old name, whose log is
// empty: it must not vote with what the old one had promised.
func (v *voters) isAnother(n store.Node) bool {
	before, known := v.known[n.Name]
	return known && before != n.Epoch
}

func (v *voters) do(what, node string, err error) {
	switch before := v.failed[node]; {
	case err == nil:
		delete(v.failed, node)
		v.log.Info("who decides has changed", "step", what, "node", node)
	case before != err.Error():
		v.failed[node] = err.Error()
		v.log.Info("not everybody decides yet who should", "step", what, "node", node, "error", err)
	}
}

// openQuorum opens this node's part in deciding: a main has the changes applied, a
// witness counts.
func (n *Node) openQuorum(s *stepping) (*quorum.Quorum, error) {
	o := quorum.Options{
		Dir: n.o.Data, Node: n.identity.Name, Machine: quorum.Blind{}, Witness: true, Logger: n.component("quorum"),
		Port: n.peers.port, Address: n.peers.addressOf, Encode: encodeRefusal, Decode: decodeRefusal,
		Sparing: n.peers.isWitness,
	}
	if n.identity.Role == RoleMain {
		o.Machine, o.Applied, o.Witness = sealedMachine{n.config.Config, n.sealer}, n.config.Applied(), false
		o.Found, o.SteppedBack = len(n.peers.mains()) == 0, s.steppedBack
	}
	return quorum.Open(o)
}
