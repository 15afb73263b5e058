// Package ical reads calendars (RFC 5545) for one thing: when is their owner in a
// meeting, or away. It reads no title, place or name. It is pure: what strangers
// send costs as much as its size and the window asked for allow, and no more.
package ical

import (
	"errors"
	"time"
)

// A State says what an owner does. What counts more is larger.
type State uint8

// The states.
const (
	Free     State = iota
	Meeting        // an event of which the calendar says that it is busy
	Away           // out of office for less than a day
	Vacation       // out of office for whole days
)

// String returns the word for s in presence (RFC 4480); "" for [Free].
func (s State) String() string {
	return [...]string{Free: "", Meeting: "meeting", Away: "away", Vacation: "vacation"}[s]
}

// A Span is a time for which an owner does something.
type Span struct {
	Start, End time.Time
	State      State
}

// A Window is what is asked for: what begins before To and ends after From. Zone is
// that of times for which the calendar has none.
type Window struct {
	From, To time.Time
	Zone     *time.Location
}

// What calendars are refused for.
var (
	ErrNoCalendar = errors.New("it is no calendar")
	ErrCut        = errors.New("the calendar ends in the middle")
	ErrTooMuch    = errors.New("the calendar has too many events")
)

const (
	mostEvents = 50_000
	mostSpans  = 500     // that are returned: with a meeting each ten minutes three days
	mostSteps  = 1 << 20 // days that are looked at for repetitions
)

// Timeline returns what the owner of some calendars does in a window: spans in their
// order, of which none touches another of the same state.
func Timeline(calendars [][]byte, w Window) ([]Span, error) {
	var spans []Span
	left := mostSteps
	for _, data := range calendars {
		c, err := read(data, w)
		if err != nil {
			return nil, err
		}
		c.steps = left
		if spans, err = c.spans(spans); err != nil {
			return nil, err
		}
		left = c.steps
	}
	return flat(spans), nil
}

// At returns what an owner does at a time, and until when that is known to last;
// zero if nothing else is known.
func At(timeline []Span, now time.Time) (State, time.Time) {
	for _, s := range timeline {
		switch {
		case !now.Before(s.End):
		case now.Before(s.Start):
			return Free, s.Start
		default:
			return s.State, s.End
		}
	}
	return Free, time.Time{}
}
