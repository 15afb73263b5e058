package quorum

import (
	"encoding/binary"
	"errors"
)

// What nodes ask each other: one byte that says what, the asker's epoch, and the
// rest.

type op byte

const (
	opState     op = iota + 1 // how far are you? Answered by every node
	opPropose                 // agree on the rest, which is a command
	opBarrier                 // what has been agreed on till now?
	opAddVoter                // take in the node whose name is the rest
	opDropVoter               // and let it go
)

// Answers: a byte that says how it went, an index as a varint, and the rest.

type status byte

const (
	statusDone      status = iota + 1 // index says where
	statusRefused                     // by the machine: the rest is its error
	statusNotLeader                   // nothing has happened
	statusUncertain                   // the lead was lost on the way
	statusFailed                      // nothing has happened, the rest says why
	statusEpoch                       // nothing has happened: the other is in another epoch
)

type answer struct {
	status status
	index  uint64
	rest   []byte
}

var errAnswer = errors.New("the answer cannot be read")

func (a answer) encode() []byte {
	return append(binary.AppendUvarint([]byte{byte(a.status)}, a.index), a.rest...)
}

func decodeAnswer(b []byte) (answer, error) {
	if len(b) == 0 || b[0] < byte(statusDone) || b[0] > byte(statusEpoch) {
		return answer{}, errAnswer
	}
	index, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return answer{}, errAnswer
	}
	return answer{status(b[0]), index, b[1+n:]}, nil
}
