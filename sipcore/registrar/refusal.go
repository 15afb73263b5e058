package registrar

import (
	"errors"

	"carillon/store/live"
)

// A refusal is a final response that changes nothing.
type refusal struct {
	status int
	reason string

	retryAfter int // seconds; 0: it does not say
}

// Error implements error, so that a refusal passes through live.Bindings.
func (r *refusal) Error() string { return r.reason }

func errTooMany() *refusal  { return &refusal{status: 403, reason: "Too Many Registrations"} }
func errTooBrief() *refusal { return &refusal{status: 423} }
func errOld() *refusal      { return &refusal{status: 500, reason: "CSeq Is Not New"} }

func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if errors.Is(err, live.ErrTooLarge) {
		return &refusal{status: 513}
	}
	return &refusal{status: 500}
}
