package quorum

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

const (
	patience  = 2500 * time.Millisecond // before it is asked who is missing
	electing  = 8 * time.Second         // for a leader, while enough mains answer
	deciding  = 10 * time.Second        // for the leader's answer
	following = 3 * time.Second         // for this node to have what the leader has agreed on
	again     = 100 * time.Millisecond  // before the next try
)

// errAgain is a try that has had no effect.
var errAgain = errors.New("no main leads")

// Propose has the quorum agree on command and returns when this node has
// applied it, with its index. It may be called on any main. The error is the
// machine's refusal, or says why there was no decision: [ErrNoQuorum] after
// about three seconds; after [ErrUncertain], or if ctx ended, there may still
// be one.
func (q *Quorum) Propose(ctx context.Context, command []byte) (index uint64, err error) {
	a, err := q.request(ctx, opPropose, command)
	if err != nil {
		return 0, fmt.Errorf("proposing: %w", err)
	}
	q.follow(ctx, a.index)
	if a.status == statusRefused {
		return a.index, a.refusal
	}
	return a.index, nil
}

// Ready returns when somebody leads and this node's machine has applied all
// that was ever agreed on.
func (q *Quorum) Ready(ctx context.Context) error {
	for {
		a, err := q.request(ctx, opBarrier, nil)
		if err == nil {
			err = q.machine.wait(ctx, a.index)
		}
		if !errors.Is(err, ErrNoQuorum) && !errors.Is(err, ErrUncertain) {
			return wrap("waiting for the log", err)
		}
	}
}

// follow waits a little until this node has applied index, too: who proposes
// here reads here.
func (q *Quorum) follow(ctx context.Context, index uint64) {
	ctx, cancel := context.WithTimeout(ctx, following)
	defer cancel()
	_ = q.machine.wait(ctx, index)
}

// A result is an answer with the machine's refusal as an error.
type result struct {
	answer
	refusal error
}

// request has the leader do something, whoever that is or becomes.
func (q *Quorum) request(ctx context.Context, what op, body []byte) (result, error) {
	begin := time.Now()
	for {
		changed := q.elected.wait()
		a, err := q.try(ctx, what, body)
		if !errors.Is(err, errAgain) {
			return a, err
		}
		if waited := time.Since(begin); waited > patience {
			if err = q.enough(ctx, waited > electing); err != nil {
				return result{}, err
			}
		}
		select {
		case <-changed:
		case <-time.After(again):
		case <-q.stop:
			return result{}, ErrClosed
		case <-ctx.Done():
			return result{}, ctx.Err()
		}
	}
}

// try does it here or asks the leader. The error is errAgain if nothing has
// happened yet.
func (q *Quorum) try(ctx context.Context, what op, body []byte) (result, error) {
	leader, ok := q.Leader()
	switch {
	case !ok:
		return result{}, errAgain
	case leader == q.options.Node:
		return q.lead(ctx, what, body)
	default:
		return q.forward(ctx, leader, what, body)
	}
}

// lead does it here, where the leader is.
func (q *Quorum) lead(ctx context.Context, what op, body []byte) (result, error) {
	// A leader that has just lost the others does not know it. What it appended
	// now could be agreed on much later: it asks first, whether they are there and
	// whether it leads. Raft itself asks only the second, and takes an answer that
	// was on its way for one.
	if !q.hears(ctx) {
		return result{}, errAgain
	}
	if err := wait(ctx, q.raft().VerifyLeader()); err != nil {
		return result{}, unchanged(err)
	}
	switch what {
	case opPropose:
		return q.apply(ctx, body)
	case opBarrier:
		err := wait(ctx, q.raft().Barrier(0))
		return result{answer: answer{status: statusDone, index: q.machine.applied.Load()}}, unchanged(err)
	case opAddVoter:
		return result{answer: answer{status: statusDone}}, q.addVoter(ctx, string(body))
	case opDropVoter:
		return result{answer: answer{status: statusDone}}, q.dropVoter(ctx, string(body))
	default:
		return result{}, errors.New("the leader does not know what is asked of it")
	}
}

// apply has the command agreed on, on the leader.
func (q *Quorum) apply(ctx context.Context, command []byte) (result, error) {
	f := q.raft().Apply(command, 0)
	if err := wait(ctx, f); err != nil {
		if errors.Is(err, raft.ErrLeadershipLost) || errors.Is(err, raft.ErrRaftShutdown) {
			err = ErrUncertain
		}
		return result{}, unchanged(err)
	}
	a := result{answer: answer{status: statusDone, index: f.Index()}}
	if refusal, ok := f.Response().(error); ok {
		a.status, a.refusal = statusRefused, refusal
	}
	return a, nil
}

// unchanged returns what err means where it says that nothing has happened.
func unchanged(err error) error {
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) ||
		errors.Is(err, raft.ErrLeadershipTransferInProgress) || errors.Is(err, raft.ErrRaftShutdown) {
		return errAgain // who asks knows whether the quorum is closed
	}
	return err
}

// wait waits for f or for ctx.
func wait(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }() // Raft resolves every future, at the latest when it shuts down
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
