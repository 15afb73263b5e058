package ring

import (
	"errors"
	"strings"
)

// A note is what a node says of itself with each sign of life: a version byte,
// then the fields with a zero byte between them.
type note struct{ site, role, version string }

const noteVersion = 1

var errNote = errors.New("what a node says of itself cannot be read")

func (n note) encode() []byte {
	return []byte(string(rune(noteVersion)) + n.site + "\x00" + n.role + "\x00" + n.version)
}

func decodeNote(b []byte) (note, error) {
	if len(b) == 0 || b[0] != noteVersion {
		return note{}, errNote
	}
	fields := strings.Split(string(b[1:]), "\x00")
	if len(fields) != 3 {
		return note{}, errNote
	}
	return note{fields[0], fields[1], fields[2]}, nil
}
