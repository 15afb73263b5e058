package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"carillon/cluster/quorum"
	"carillon/node/admin"
	"carillon/store"
)

// Deciding implements [admin.Nodes].
func (s *system) Deciding(ctx context.Context) (admin.Deciding, error) {
	own := s.self()
	d := admin.Deciding{Node: own.Name, Revision: s.config.View().Index()}
	if s.voters == nil {
		return d, s.notHere(own.Role)
	}
	d.Voters, d.Missing = s.voters.quorum.Missing(ctx)
	switch {
	case !slices.Contains(d.Voters, own.Name):
		return d, noVote(own.Name)
	case len(d.Voters)-len(d.Missing) > len(d.Voters)/2:
		return d, nothingLost(d)
	default:
		return d, nil
	}
}

func (s *system) notHere(role string) error {
	var mains []string
	for _, m := range s.peers.mains() {
		mains = append(mains, m.Name)
	}
	return &store.Error{
		Kind: store.Conflict, Field: "node",
		Message: "a " + role + " cannot take over: ask for it on a main that is left of " + strings.Join(mains, ", "),
	}
}

func noVote(node string) error {
	return &store.Error{
		Kind: store.Conflict, Field: "node",
		Message: node + " cannot take over: it has no vote, or not yet what the others have; ask for it on another main",
	}
}

func nothingLost(d admin.Deciding) error {
	words := "there is nothing to take over: more than half of the nodes that decide answer (" + strings.Join(d.Voters, ", ")
	if len(d.Missing) > 0 {
		words += "; missing: " + strings.Join(d.Missing, ", ")
	}
	return &store.Error{Kind: store.Conflict, Field: "node", Message: words + "), and the configuration can be changed"}
}

// TakeOver implements [admin.Nodes].
func (s *system) TakeOver(ctx context.Context, who string) (admin.Deciding, error) {
	d, err := s.Deciding(ctx)
	if err != nil {
		return d, err
	}
	command, err := store.EncodeChange(store.TakeOver{
		By: store.Author{Who: who, At: time.Now()}, Node: d.Node, Missing: d.Missing,
	})
	if err != nil {
		return d, err
	}
	d.Revision, err = s.voters.quorum.TakeOver(ctx, s.voters.sealer.seal(command))
	if errors.Is(err, quorum.ErrMajority) {
		return d, nothingLost(d)
	}
	return d, err
}

// stepping says, when this main follows another that has taken over, what it had
// that the other has not: as soon as that one's configuration is here.
type stepping struct {
	config *configuration
	sealer sealer
	events *admin.Events
	log    *slog.Logger
	back   chan stepBack
}

// A stepBack is whom this main follows, and what it had.
type stepBack struct {
	behind string
	had    []store.Revision
}

func newStepping(c *configuration, s sealer, e *admin.Events, l *slog.Logger) *stepping {
	return &stepping{config: c, sealer: s, events: e, log: l, back: make(chan stepBack, 8)}
}

// steppedBack is called before the log is dropped.
func (s *stepping) steppedBack(behind string, commands []quorum.Entry) {
	select {
	case s.back <- stepBack{behind, s.config.revisionsOf(s.sealer, commands)}:
	default: // nobody takes over so often
	}
}

// Run says it until ctx ends.
func (s *stepping) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-s.back:
			next := uint64(1)
			if len(b.had) > 0 {
				next = b.had[len(b.had)-1].Index + 1
			}
			if err := s.config.await(ctx, next, nil); err != nil {
				return err
			}
			s.say(b)
		}
	}
}

// say makes events of what the main that took over has not.
func (s *stepping) say(b stepBack) {
	theirs, err := s.config.History()
	if err != nil {
		s.log.Error("saying what was dropped", "error", err)
		return
	}
	lost := lostOf(b.had, theirs)
	s.events.Add("configuration", "this main has the configuration of %s now; of its own changes %d are dropped", b.behind, len(lost))
	for _, r := range lost {
		s.log.Warn("a change is dropped: the main that took over did not have it", "revision", r.Index, "who", r.Who,
			"time", r.At.Format(time.RFC3339), "change", strings.Join(r.Summary, "; "))
	}
}

// lostOf returns those of had that are not in theirs, as far back as that goes.
func lostOf(had, theirs []store.Revision) (lost []store.Revision) {
	for _, r := range had {
		same := func(x store.Revision) bool { return x.Index == r.Index && x.Who == r.Who && x.At.Equal(r.At) }
		if len(theirs) > 0 && r.Index >= theirs[0].Index && !slices.ContainsFunc(theirs, same) {
			lost = append(lost, r)
		}
	}
	return lost
}

// revisionsOf describes commands of the log: those in force, which the history
// knows, and those that nobody has agreed on.
func (c *configuration) revisionsOf(s sealer, commands []quorum.Entry) (all []store.Revision) {
	history, _ := c.History() // without it, less can be said
	view := c.View()
	for _, x := range commands {
		if i := slices.IndexFunc(history, func(r store.Revision) bool { return r.Index == x.Index }); i >= 0 {
			all = append(all, history[i])
			continue
		}
		if x.Index <= c.Applied() {
			continue // it was refused
		}
		plain, err := s.open(x.Command)
		if err != nil {
			continue
		}
		change, err := store.DecodeChange(plain)
		if err != nil {
			continue
		}
		next, err := store.Decide(change, view)
		if err != nil {
			continue
		}
		next = next.At(x.Index)
		all = append(all, store.NewRevision(change, view, next))
		view = next
	}
	return all
}
