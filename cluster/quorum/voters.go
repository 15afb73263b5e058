package quorum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Voters returns the names of the mains that decide, sorted; the latest ones,
// even if the others have not agreed to them yet.
func (q *Quorum) Voters() []string {
	var all []string
	for _, s := range q.servers() {
		if s.Suffrage == raft.Voter {
			all = append(all, string(s.ID))
		}
	}
	slices.Sort(all)
	return all
}

// Followers returns the names of those to whom what was decided is sent, and who
// have no vote.
func (q *Quorum) Followers() []string {
	var all []string
	for _, s := range q.servers() {
		if s.Suffrage != raft.Voter {
			all = append(all, string(s.ID))
		}
	}
	slices.Sort(all)
	return all
}

func (q *Quorum) servers() []raft.Server { return serversOf(q.raft()) }

func serversOf(r *raft.Raft) []raft.Server {
	return r.GetConfiguration().Configuration().Servers // answered from memory: no error
}

// several says whether this node has others to agree with.
func (q *Quorum) several() bool { return len(q.servers()) > 1 }

// AddVoter gives a main that has joined a vote, asked for on any main. It waits
// until that node has all that was agreed on: a quorum of two would otherwise
// stand still until the second is there. Adding one that has a vote is nothing.
func (q *Quorum) AddVoter(ctx context.Context, node string) error {
	_, err := q.request(ctx, opAddVoter, []byte(node))
	return wrap("adding "+node+" to the quorum", err)
}

// RemoveVoter takes a main's vote, asked for on any main that stays. Removing
// one that has none is nothing. It is refused when too few of those that stay
// answer to decide anything afterwards.
func (q *Quorum) RemoveVoter(ctx context.Context, node string) error {
	_, err := q.request(ctx, opDropVoter, []byte(node))
	return wrap("removing "+node+" from the quorum", err)
}

// AddFollower has what is decided sent to a node that has no vote. It is for the
// node that leads.
func (q *Quorum) AddFollower(ctx context.Context, node string) error {
	err := wait(ctx, q.raft().AddNonvoter(raft.ServerID(node), raft.ServerAddress(node), 0, 0))
	return wrap("adding "+node+" to those who follow", err)
}

// addVoter does it, on the leader.
func (q *Quorum) addVoter(ctx context.Context, node string) error {
	if slices.Contains(q.Voters(), node) {
		return nil
	}
	id, at := raft.ServerID(node), raft.ServerAddress(node)
	if err := wait(ctx, q.raft().AddNonvoter(id, at, 0, 0)); err != nil {
		return unchanged(err)
	}
	if err := q.caughtUp(ctx, node); err != nil {
		return err
	}
	return unchanged(wait(ctx, q.raft().AddVoter(id, at, 0, 0)))
}

// dropVoter does it, on the leader.
func (q *Quorum) dropVoter(ctx context.Context, node string) error {
	known := func(s raft.Server) bool { return string(s.ID) == node }
	if !slices.ContainsFunc(q.servers(), known) {
		return nil
	}
	if node == q.options.Node && !q.several() {
		return errors.New("it is the last one")
	}
	if err := q.enoughWithout(ctx, node); err != nil {
		return err
	}
	return unchanged(wait(ctx, q.raft().RemoveServer(raft.ServerID(node), 0, 0)))
}

// enoughWithout says whether those who have a vote can decide without node.
func (q *Quorum) enoughWithout(ctx context.Context, node string) error {
	stay := q.Voters()
	if i := slices.Index(stay, node); i >= 0 {
		stay = slices.Delete(stay, i, i+1)
	}
	missing, need := q.missing(ctx, stay), len(stay)/2+1
	if len(stay)-len(missing) >= need {
		return nil
	}
	return fmt.Errorf("%w then: of the %d that stay %d would be missing (%s), %d are needed",
		ErrNoQuorum, len(stay), len(missing), strings.Join(missing, ", "), need)
}

// StepAside hands the lead, if this node has it, to another main that answers,
// and returns when it has it no more.
func (q *Quorum) StepAside(ctx context.Context) error {
	voters := q.Voters()
	missing := q.missing(ctx, voters)
	err := errors.New("no other main answers")
	for _, v := range voters {
		if !q.leads() {
			return nil
		}
		if v == q.options.Node || slices.Contains(missing, v) {
			continue
		}
		if err = wait(ctx, q.raft().LeadershipTransferToServer(raft.ServerID(v), raft.ServerAddress(v))); err == nil {
			return nil
		}
	}
	return wrap("handing over the lead", err)
}

// caughtUp waits until node has what this node has now.
func (q *Quorum) caughtUp(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeout(ctx, deciding-time.Second)
	defer cancel()
	goal := q.machine.applied.Load()
	for {
		a, err := q.ask(ctx, stateTime, node, opState, nil)
		if err == nil && a.status == statusDone && a.index >= goal {
			return nil
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer or lacks changes: %w", node, ctx.Err())
		}
	}
}

// enough says whether enough mains answer for a leader to be found; given up,
// that it was not.
func (q *Quorum) enough(ctx context.Context, givenUp bool) error {
	voters := q.Voters()
	if len(voters) == 0 {
		return fmt.Errorf("%w: this node has not been told who they are", ErrNoQuorum)
	}
	missing := q.missing(ctx, voters)
	need := len(voters)/2 + 1
	if len(voters)-len(missing) >= need && !givenUp {
		return nil
	}
	if len(missing) == 0 {
		return fmt.Errorf("%w: none of them leads", ErrNoQuorum)
	}
	return fmt.Errorf("%w: %d of %d missing (%s), %d needed",
		ErrNoQuorum, len(missing), len(voters), strings.Join(missing, ", "), need)
}

// hears says whether a majority answers, as soon as it does.
func (q *Quorum) hears(ctx context.Context) bool {
	voters := q.Voters()
	have, need := 0, len(voters)/2+1
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan bool, len(voters))
	for _, v := range voters {
		go func() { answers <- q.answers(ctx, v) }() // ends with ctx
	}
	for range voters {
		if <-answers {
			have++
		}
		if have >= need {
			return true
		}
	}
	return false
}

// answers says whether a node does; this one does.
func (q *Quorum) answers(ctx context.Context, node string) bool {
	if node == q.options.Node || q.options.Port == nil {
		return true
	}
	_, err := q.ask(ctx, stateTime, node, opState, nil)
	return err == nil
}

// Silent returns which of the nodes do not answer, or are of another epoch.
func (q *Quorum) Silent(ctx context.Context, nodes []string) []string { return q.missing(ctx, nodes) }

// missing returns which of the voters do not answer.
func (q *Quorum) missing(ctx context.Context, voters []string) []string {
	var (
		mu  sync.Mutex
		all []string
		wg  sync.WaitGroup
	)
	for _, v := range voters {
		wg.Go(func() {
			if !q.answers(ctx, v) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, v)
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all
}
