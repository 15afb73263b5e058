package store

import (
	"fmt"
	"strings"
)

// Kind says what sort of answer an [Error] deserves. The admin API turns it
// into an HTTP status and sipcore into a SIP status, each in one place.
type Kind string

// The kinds of error.
const (
	Invalid  Kind = "invalid"
	NotFound Kind = "not found"
	Conflict Kind = "conflict"
)

// Error is a refusal meant for the person who asked. It never contains a
// password.
type Error struct {
	Kind    Kind   `json:"kind"`
	Field   string `json:"field,omitempty"` // the field at fault, if one is: "users[3].number"
	Also    string `json:"-"`               // a second field at fault: the first of two equal numbers
	Message string `json:"message"`         // a full sentence without the period
	File    string `json:"file,omitempty"`  // where it was written, if in a file
	Line    int    `json:"line,omitempty"`  // from 1; 0 is unknown
	Column  int    `json:"column,omitempty"`
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	case e.File != "":
		return e.File + ": " + e.Message
	default:
		return e.Message
	}
}

// Errors are all the refusals of one request, in the order of what was written.
// An Errors that is returned as an error is never empty.
type Errors []*Error

// Error implements error: one refusal a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the first [Error].
func (es Errors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}
