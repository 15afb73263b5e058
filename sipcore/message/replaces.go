package message

import (
	"errors"
	"strings"
)

// A ReplacesValue is what a Replaces header field names (RFC 3891): the dialog that
// the INVITE is to take the place of, as who receives it knows it.
type ReplacesValue struct {
	CallID    string
	ToTag     string // of who receives it; empty where it is missing
	FromTag   string // of the other side; empty where it is missing
	EarlyOnly bool   // a dialog that is not answered yet, and no other
}

var errReplaces = errors.New("malformed Replaces")

// ParseReplaces reads the value of a Replaces header field. Tags may be missing,
// though RFC 3891 wants both: some phones leave out what they do not know.
func ParseReplaces(text string) (r ReplacesValue, err error) {
	callID, rest, _ := strings.Cut(text, ";")
	r.CallID = strings.TrimSpace(callID)
	if !validCallID(r.CallID) {
		return ReplacesValue{}, errReplaces
	}
	for param := range strings.SplitSeq(rest, ";") {
		if !r.read(param) {
			return ReplacesValue{}, errReplaces
		}
	}
	return r, nil
}

// read takes one parameter. It is false for a tag that is given twice, or is none.
func (r *ReplacesValue) read(param string) (ok bool) {
	name, value, _ := strings.Cut(param, "=")
	value = strings.TrimSpace(value)
	tag := &r.ToTag
	switch name = strings.TrimSpace(name); {
	case sameFold(name, "early-only"):
		r.EarlyOnly = true
		return true
	case sameFold(name, "from-tag"):
		tag = &r.FromTag
	case !sameFold(name, "to-tag"):
		return true
	}
	if *tag != "" || value != "" && !isToken(value) {
		return false
	}
	*tag = value
	return true
}
