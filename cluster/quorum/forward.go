package quorum

import (
	"context"
	"errors"
	"fmt"
	"time"

	"carillon/cluster/link"
)

// askKind is how the port tells our questions from others.
const askKind = "propose"

// stateTime is how long a node may take to say how far it is.
const stateTime = 500 * time.Millisecond

// forward asks the leader to do it. First it asks whether the leader is there
// and leads: a question that was lost has had an effect or not, nobody knows,
// and a leader that is dead is asked for two more seconds by everybody.
func (q *Quorum) forward(ctx context.Context, leader string, what op, body []byte) (result, error) {
	first, err := q.ask(ctx, stateTime, leader, opState, nil)
	if err != nil || first.status != statusDone {
		return result{}, errAgain
	}
	a, err := q.ask(ctx, deciding, leader, what, body)
	switch {
	case ctx.Err() != nil:
		return result{}, ctx.Err()
	case err != nil && (what == opPropose || what == opDropVoter):
		return result{}, fmt.Errorf("%w (%w)", ErrUncertain, err)
	case err != nil:
		return result{}, errAgain
	default:
		return q.meant(a)
	}
}

// meant turns an answer into what the leader's own call would have returned.
func (q *Quorum) meant(a answer) (result, error) {
	switch a.status {
	case statusRefused:
		return result{answer: a, refusal: q.options.Decode(a.rest)}, nil
	case statusNotLeader, statusEpoch:
		return result{}, errAgain
	case statusUncertain:
		return result{}, ErrUncertain
	case statusFailed:
		return result{}, errors.New(string(a.rest))
	default:
		return result{answer: a}, nil
	}
}

// ask puts a question to another node.
func (q *Quorum) ask(ctx context.Context, patience time.Duration, node string, what op, body []byte) (answer, error) {
	at, ok := q.options.Address(node)
	if !ok {
		return answer{}, fmt.Errorf("no address of %s is known", node)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	question := append([]byte{byte(what)}, q.Epoch().encode()...)
	b, err := q.options.Port.Ask(ctx, node, at, askKind, append(question, body...))
	if err != nil {
		return answer{}, err
	}
	a, err := decodeAnswer(b)
	if err == nil && a.status == statusEpoch {
		return a, errOtherEpoch
	}
	return a, err
}

// errOtherEpoch is the answer of a node with which this one decides nothing.
var errOtherEpoch = errors.New("it follows another main that has taken over, or does not know yet that one has")

// reply answers another node's question. It tries once: who asks is who waits.
func (q *Quorum) reply(ctx context.Context, from link.Peer, question []byte) ([]byte, error) {
	if len(question) == 0 {
		return nil, errAnswer
	}
	what := op(question[0])
	epoch, body, err := decodeEpoch(question[1:])
	if err != nil {
		return nil, err
	}
	if !q.opened() {
		return answer{status: statusNotLeader}.encode(), nil
	}
	if from.Role != link.LifeGUARD && !q.admits(from, epoch) {
		return answer{status: statusEpoch}.encode(), nil
	}
	if from.Role != link.LifeGUARD && what == opState {
		return q.state().encode(), nil
	}
	if !q.options.MayPropose(from) || what != opPropose && from.Role != link.Main {
		return answer{status: statusFailed, rest: []byte("a " + string(from.Role) + " may not ask that")}.encode(), nil
	}
	if !q.leads() || q.options.Witness { // whose machine refuses nothing
		return answer{status: statusNotLeader}.encode(), nil
	}
	a, err := q.lead(ctx, what, body)
	return q.toAnswer(a, err).encode(), nil
}

// state says how far this node is.
func (q *Quorum) state() answer {
	return answer{status: statusDone, index: q.machine.applied.Load()}
}

// toAnswer is the opposite of meant.
func (q *Quorum) toAnswer(a result, err error) answer {
	switch {
	case errors.Is(err, errAgain), errors.Is(err, ErrClosed):
		return answer{status: statusNotLeader}
	case errors.Is(err, ErrUncertain):
		return answer{status: statusUncertain}
	case err != nil:
		return answer{status: statusFailed, rest: []byte(err.Error())}
	case a.status == statusRefused:
		return answer{statusRefused, a.index, q.options.Encode(a.refusal)}
	default:
		return a.answer
	}
}

// opened says whether Raft runs: the port may bring questions before.
func (q *Quorum) opened() bool {
	select {
	case <-q.begun:
		return true
	default:
		return false
	}
}
