package registrar

import (
	"errors"

	"carillon/store/live"
)

// A refusal is a final response that changes nothing.
type refusal struct {
	status int
	reason string
}

// Error implements error, so that a refusal passes through live.Bindings.
func (r *refusal) Error() string { return r.reason }

func errTooMany() *refusal  { return &refusal{403, "Too Many Registrations"} }
func errTooBrief() *refusal { return &refusal{423, ""} }
func errOld() *refusal      { return &refusal{500, "CSeq Is Not New"} }

func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if errors.Is(err, live.ErrTooLarge) {
		return &refusal{513, ""}
	}
	return &refusal{500, ""}
}
