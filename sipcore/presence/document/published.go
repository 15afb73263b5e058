package document

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"carillon/store/live"
)

// What is kept of a published text, in bytes.
const (
	mostNote = 256
	mostIM   = 64
)

// ParsePIDF reads what a phone publishes of its user: PIDF (RFC 3863), with the
// activities and notes of RPID (RFC 4480) wherever phones put them, and the im:
// status of Snom as it came. Of several tuples one that is open counts; of several
// activities the first that RFC 4480 has. A long note is cut.
func ParsePIDF(body []byte) (live.Presence, error) {
	root, err := parse(body)
	if err != nil {
		return live.Presence{}, err
	}
	if root.name != (name{nsPIDF, "presence"}) {
		return live.Presence{}, errDocument
	}
	var r published
	for _, e := range root.children {
		r.take(e)
	}
	if !r.tuples && r.p.Activity == "" && r.p.Note == "" {
		return live.Presence{}, errDocument
	}
	r.p.Open = r.p.Open || !r.tuples // a person alone is not said to be away
	return r.p, nil
}

// published is what was read so far.
type published struct {
	p      live.Presence
	tuples bool
}

// take reads what stands directly below the root.
func (r *published) take(e *element) {
	switch e.name {
	case name{nsPIDF, "tuple"}:
		r.tuples = true
	case name{nsPIDF, "note"}:
		r.note(e)
	}
	for x := range e.within() {
		switch {
		case isRPID(x.name.space):
			r.rich(x)
		case x.name == name{nsPIDF, "basic"}:
			r.p.Open = r.p.Open || x.words() == "open"
		case x.name == name{nsIM, "im"}:
			r.p.IM = fit(x.words(), mostIM)
		case x.name == name{nsPIDF, "note"}, x.name == name{nsPerson, "note"}:
			r.note(x)
		}
	}
}

// isRPID reports whether the namespace is that of RFC 4480, or of a draft of it
// that phones have.
func isRPID(space string) bool {
	return space == "urn:ietf:params:xml:ns:pidf:rpid" || strings.HasPrefix(space, "urn:ietf:params:xml:ns:pidf:rpid:") ||
		strings.HasPrefix(space, "urn:ietf:params:xml:ns:pidf:status:rpid")
}

// rich reads the list of activities, or an activity without one.
func (r *published) rich(e *element) {
	if e.name.local != "activities" {
		if live.IsActivity(e.name.local) && r.p.Activity == "" {
			r.activity(e)
		}
		return
	}
	for _, c := range e.children {
		switch local := c.name.local; {
		case local == "note":
			r.note(c)
		case r.p.Activity == "" && local != "unknown" && isRPID(c.name.space):
			r.activity(c)
		}
	}
}

// activity takes one activity; what RFC 4480 does not have is another, and its
// name the note.
func (r *published) activity(e *element) {
	if live.IsActivity(e.name.local) {
		r.p.Activity = e.name.local
		if e.name.local == live.Other {
			r.note(e)
		}
		return
	}
	r.p.Activity = live.Other
	if r.p.Note == "" {
		r.p.Note = fit(e.name.local, mostNote)
	}
}

// note takes the first note that says something.
func (r *published) note(e *element) {
	if text := e.words(); r.p.Note == "" && text != "" {
		r.p.Note = fit(text, mostNote)
	}
}

// fit makes a text fit for the table: no control characters, and not too long.
func fit(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
