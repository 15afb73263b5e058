package node

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/store"
)

// A sealer hides what the mains agree on from who carries it without being one of
// them: a witness has the log and cannot read it. Its key comes from that of the
// authority, which the mains alone have.
type sealer struct{ aead cipher.AEAD }

// sealed is the first byte of what is sealed. Nothing else is read: a witness that
// leads for a moment could put it into the log.
const sealed = 0x01

var errSealed = errors.New("it is not sealed by a main of this system")

func newSealer(authority []byte) (sealer, error) {
	key, err := hkdf.Key(sha256.New, authority, nil, "carillon quorum", 32)
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func (s sealer) seal(b []byte) []byte {
	return s.aead.Seal([]byte{sealed}, nil, b, nil) //nolint:gosec // nil: the AEAD takes a nonce of its own, at random
}

func (s sealer) open(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != sealed {
		return nil, errSealed
	}
	plain, err := s.aead.Open(nil, nil, b[1:], nil)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// A sealedMachine is a machine whose commands and snapshots are sealed.
type sealedMachine struct {
	cluster.Machine
	sealer
}

// Apply implements [cluster.Machine].
func (m sealedMachine) Apply(index uint64, command []byte) error {
	plain, err := m.open(command)
	if err != nil {
		return fmt.Errorf("reading a change: %w", err)
	}
	return m.Machine.Apply(index, plain)
}

// MarshalBinary implements [cluster.Machine].
func (m sealedMachine) MarshalBinary() ([]byte, error) {
	b, err := m.Machine.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return m.seal(b), nil
}

// UnmarshalBinary implements [cluster.Machine].
func (m sealedMachine) UnmarshalBinary(snapshot []byte) error {
	plain, err := m.open(snapshot)
	if err != nil {
		return fmt.Errorf("reading a snapshot: %w", err)
	}
	return m.Machine.UnmarshalBinary(plain)
}

// A sealedProposer seals what it proposes, for the revision in force: a witness that
// leads for a moment could put it into the log again.
type sealedProposer struct {
	proposer
	sealer

	view  func() *store.View
	ready func(context.Context) bool // all mains understand an After
	turn  chan struct{}              // has an element while one of this node's is on its way
}

const (
	mostTries = 100              // each comes of somebody else's Change having been first
	longTurn  = 15 * time.Second // for which the next one waits: longer than one that nobody answers
)

// Propose implements [proposer]. What comes too late, because another node's was
// first, has changed nothing, and is proposed again.
func (p sealedProposer) Propose(ctx context.Context, command []byte) (index uint64, err error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-time.After(longTurn): // it goes without: the mains are not there
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for range mostTries {
		var b []byte
		if b, err = p.ordered(ctx, command, index); err != nil {
			return 0, err
		}
		if index, err = p.proposer.Propose(ctx, p.seal(b)); !store.IsLate(err) {
			break
		}
	}
	return index, err
}

// ordered returns a Change that says for which revision it is, as soon as all mains
// are of a version that understands it. A main that once refused what the others took
// is behind them, and learns by a refusal which revision is in force.
func (p sealedProposer) ordered(ctx context.Context, command []byte, refused uint64) ([]byte, error) {
	view := p.view()
	if !view.IsOrdered() && refused == 0 && !p.ready(ctx) {
		return command, nil
	}
	return store.EncodeAfter(max(view.Index(), refused), command)
}

// askOrdered asks a main whether it understands an After, which former versions do
// not: their answer is that nobody answers such a question.
const askOrdered = "ordered"

func isOrdered(context.Context, link.Peer, []byte) ([]byte, error) { return nil, nil }
