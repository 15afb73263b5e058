package quorum

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Deciding without a majority, and giving way to who does.
//
// Both change the whole log, which is more than one write. So the intention is
// written first: from then on the node is in the new epoch, and who starts on a
// log with an intention finishes it. Neither loses a command before there is
// what follows it.

// ErrMajority says that there is nothing to take over: enough mains answer.
var ErrMajority = errors.New("a majority of the mains answers: the configuration can be changed as it is")

// TakeOver makes this node, which must have a vote, the only one that decides,
// with all that is in its log. It begins a later epoch, the first command of
// which is command: what the others have decided without this node is lost when
// they meet it. It is refused with [ErrMajority] while a majority answers. If it
// fails half-way it is finished when the node starts next.
func (q *Quorum) TakeOver(ctx context.Context, command []byte) (index uint64, err error) {
	q.reforming.Lock()
	defer q.reforming.Unlock()
	if err = q.isLost(ctx); err != nil {
		return 0, fmt.Errorf("taking over: %w", err)
	}
	last, err := q.last()
	if err != nil {
		return 0, fmt.Errorf("taking over: %w", err)
	}
	e := nextEpoch(last)
	err = q.reformLocked(keyTakeOver(), append(e.encode(), command...))
	if err != nil {
		return 0, fmt.Errorf("taking over: %w", err)
	}
	q.options.Logger.Warn("this main decides alone: it has taken over", "index", e.Start)
	return e.Start, nil
}

// isLost says what stands against taking over.
func (q *Quorum) isLost(ctx context.Context) error {
	voters := q.Voters()
	missing := q.missing(ctx, voters)
	switch {
	case q.options.Port == nil || len(voters)-len(missing) > len(voters)/2:
		return ErrMajority
	case !slices.Contains(voters, q.options.Node):
		return fmt.Errorf("%s has no vote: ask for it on one of %s", q.options.Node, strings.Join(voters, ", "))
	default:
		return nil
	}
}

// Missing returns who has a vote, and which of them do not answer.
func (q *Quorum) Missing(ctx context.Context) (voters, missing []string) {
	voters = q.Voters()
	return voters, q.missing(ctx, voters)
}

// resume finishes what was begun on this log. No Raft runs.
func (q *Quorum) resume() error {
	over, err := q.log.Get(keyTakeOver())
	if err != nil {
		return err
	}
	back, err := q.log.Get(keyStepBack())
	switch {
	case err != nil:
		return err
	case len(back) > 0:
		return q.finishStepBack(back)
	case len(over) > 0:
		return q.finishTakeOver(over)
	default:
		return nil
	}
}

// finishTakeOver has the machine apply what is in the log, agreed on or not, and
// the command that begins the epoch.
func (q *Quorum) finishTakeOver(intention []byte) error {
	e, command, err := decodeEpoch(intention)
	if err != nil {
		return err
	}
	entries, err := q.log.entries(0)
	if err != nil {
		return err
	}
	for _, x := range entries {
		_ = q.options.Machine.Apply(x.Index, x.Command) // a refusal; one that cannot save refuses the next too
	}
	if err = q.options.Machine.Apply(e.Start, command); err != nil {
		return err
	}
	term, err := q.log.GetUint64(keyTerm())
	if err != nil {
		return err
	}
	return q.begin(e, term+1)
}

// stepBack gives up this node's log for that of a main in a later epoch, which
// will give it its own. Until then the machine keeps what it has.
func (q *Quorum) stepBack(s sighting) error {
	q.reforming.Lock()
	defer q.reforming.Unlock()
	if !s.epoch.Later(q.Epoch()) {
		return nil
	}
	entries, err := q.log.entries(0)
	if err != nil {
		return err
	}
	if last, err := q.last(); err != nil {
		return err
	} else if last > 0 {
		q.options.Logger.Warn("another main has taken over: this one follows it", "node", s.from)
		q.options.SteppedBack(s.from, entries)
	}
	return q.reformLocked(keyStepBack(), s.epoch.encode())
}

// finishStepBack leaves nothing of the earlier epoch: neither a command nor a
// vote, nor a snapshot that says who had one.
func (q *Quorum) finishStepBack(intention []byte) error {
	e, _, err := decodeEpoch(intention)
	if err != nil {
		return err
	}
	if err = os.RemoveAll(filepath.Join(q.options.Dir, snapshotsName)); err != nil {
		return err
	}
	if err = syncDir(q.options.Dir); err != nil {
		return err
	}
	q.machine.have(0)
	return q.log.begin(e, 0)
}
