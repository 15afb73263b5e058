package store

import (
	"fmt"
	"time"
)

// A Revision is one Change that took effect: what an administrator may look at
// and go back to.
type Revision struct {
	Index   uint64    `json:"revision"`
	At      time.Time `json:"time"`
	Who     string    `json:"who"`
	Summary []string  `json:"summary"` // what it did, a Line each, shortened
}

// maxSummary is how many lines of a Diff a Revision keeps.
const maxSummary = 20

// NewRevision describes the Change c that led from old to next.
func NewRevision(c Change, old, next *View) Revision {
	by := AuthorOf(c)
	r := Revision{Index: next.Index(), At: by.At, Who: by.Who}
	lines := Diff(old, next)
	if t, ok := plain(c).(TakeOver); ok {
		lines = []Line{t.line()}
	}
	for _, l := range lines[:min(len(lines), maxSummary)] {
		r.Summary = append(r.Summary, l.String())
	}
	if more := len(lines) - maxSummary; more > 0 {
		r.Summary = append(r.Summary, fmt.Sprintf("and %d more", more))
	}
	return r
}
