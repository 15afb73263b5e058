package quorum

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// An Epoch is the life of one log. The first begins with the system; another one
// begins when a main takes over without a majority, or goes on without its log.
// Nodes of different epochs agree on nothing: the one of the earlier epoch gives
// up its log and follows the later.
//
// An epoch begins at an index above all that anybody can have, so that indexes
// grow for ever although a log was cut off: who compares indexes alone, as the
// feed does, is right too.
type Epoch struct {
	Start uint64 // the first index; 0: the system's beginning
	ID    uint64 // tells two apart that began at one index
}

// Later reports whether e is to be followed by who is of epoch o.
func (e Epoch) Later(o Epoch) bool {
	return e.Start > o.Start || e.Start == o.Start && e.ID > o.ID
}

// How many indexes an epoch has, and how many the epochs are apart that two
// mains begin who do not know of each other.
const (
	epochStep = 1_000_000_000
	epochTie  = 1_000_000
)

// nextEpoch returns an epoch that is later than what ends at index last.
func nextEpoch(last uint64) Epoch {
	ties := uint64(epochStep / epochTie)
	return Epoch{Start: (last/epochStep+1)*epochStep + rand.Uint64N(ties)*epochTie, ID: rand.Uint64()} //nolint:gosec // no secret
}

// epochSize is how many bytes an epoch has where it is written down.
const epochSize = 16

func (e Epoch) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, e.Start), e.ID)
}

var errEpoch = errors.New("an epoch cannot be read")

// decodeEpoch reads an epoch, and returns what stands behind it.
func decodeEpoch(b []byte) (e Epoch, rest []byte, err error) {
	if len(b) < epochSize {
		return e, nil, errEpoch
	}
	e.Start, e.ID = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	return e, b[epochSize:], nil
}
