package message

import (
	"errors"
	"fmt"
)

// A SyntaxError says why a message cannot be accepted, and the status to answer it with.
type SyntaxError struct {
	Status int    // 400, or 411 for ErrNoLength, 505 for another version of SIP, 513 for what is too large
	Reason string // to be the reason phrase: "Bad CSeq", "Missing Call-ID"
}

// Error is the status and the reason.
func (e *SyntaxError) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Reason) }

// ErrNoLength is Frame's error for a message without Content-Length, whose end on a stream nobody can know (RFC 3261 20.14).
// Where that was allowed, RFC 2543 7.4.11 has a status for it: who sent the message may send it again with its length. To
// everybody else an unknown 4xx is a 400 (RFC 3261 8.1.3.2).
var ErrNoLength error = &SyntaxError{Status: 411, Reason: "Length Required"}

// What is wrong with a value. They are errors of its parsers, not meant for the wire.
var (
	errURI      = errors.New("malformed URI")
	errVia      = errors.New("malformed Via")
	errNameAddr = errors.New("malformed name-addr")
)

func bad(reason string) *SyntaxError { return &SyntaxError{Status: 400, Reason: reason} }

func tooLarge() *SyntaxError { return &SyntaxError{Status: 513, Reason: "Message Too Large"} }
