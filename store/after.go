package store

import (
	"errors"
	"fmt"
)

// After is a Change that is for one revision alone: it says which was in force when
// it was made. So it takes effect once, and what somebody puts into the log again is
// refused there, as is what came too late because others have changed something:
// that is to be made anew.
type After struct {
	Revision uint64
	Change   Change
}

// On implements [Change]. A main that has refused what the others took is behind,
// and goes on with them.
func (a After) On(v *View) (*View, error) {
	if v.index > a.Revision {
		return nil, &Error{Kind: Conflict, Field: fieldAfter, Message: fmt.Sprintf("it was made for revision %d, and %d is in force: try again", a.Revision, v.index)}
	}
	if !v.config.Ordered {
		c := v.Config()
		c.Ordered = true
		v = NewView(c).At(v.index)
	}
	return a.Change.On(v)
}

// fieldAfter tells the refusal of a Change that is not for the revision in force.
const fieldAfter = "revision"

// IsLate reports whether a Change was refused because it is not for the revision in
// force. It may be made again for that.
func IsLate(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Field == fieldAfter
}

// Decide is c.On for what is in the log: since the first After there, a Change that
// does not say what it is for is one from before, which somebody has put in again.
// A TakeOver comes to a log of its own.
func Decide(c Change, v *View) (*View, error) {
	_, after := c.(After)
	_, takeOver := c.(TakeOver)
	if v.config.Ordered && !after && !takeOver {
		return nil, &Error{Kind: Conflict, Field: fieldAfter, Message: "the change does not say for which revision it is: it is from before, and was made then"}
	}
	return c.On(v)
}

// IsOrdered reports whether each Change is to say for which revision it is.
func (v *View) IsOrdered() bool { return v.config.Ordered }

// plain returns what c changes.
func plain(c Change) Change {
	if a, ok := c.(After); ok {
		return a.Change
	}
	return c
}

// EncodeAfter returns an After of a Change that is encoded.
func EncodeAfter(revision uint64, change []byte) ([]byte, error) {
	return encode(tagAfter, wireAfter{Revision: revision, Change: change})
}

type wireAfter struct {
	_        struct{} `cbor:",toarray"`
	Revision uint64
	Change   []byte
}

func fromWireAfter(w wireAfter) (Change, error) {
	c, err := DecodeChange(w.Change)
	if _, nested := c.(After); nested {
		return nil, errors.New("it is for two revisions")
	}
	return After{Revision: w.Revision, Change: c}, err
}
