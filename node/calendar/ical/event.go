package ical

import (
	"strings"
	"time"
)

// longestRepeated bounds an occurrence of what repeats.
const longestRepeated = 31 * 24 * time.Hour

// An occasion is an event, read.
type occasion struct {
	event  *event
	zone   zone
	start  when
	begins time.Time
	length time.Duration
	state  State
}

// spans appends what the events of c do in its window.
func (c *calendar) spans(all []Span) ([]Span, error) {
	moved := c.moved()
	for i := range c.events {
		x, ok := c.occasion(&c.events[i])
		if !ok || x.state == Free {
			continue
		}
		for begins := range c.occurrences(x, moved[x.event.uid]) {
			s := Span{begins, begins.Add(x.length), x.state}
			if s.Start.Before(c.window.To) && s.End.After(c.window.From) {
				all = append(all, s)
			}
		}
		if c.steps <= 0 || len(all) > mostEvents {
			return nil, ErrTooMuch
		}
	}
	return all, nil
}

// moved returns by UID which occurrences have an event of their own.
func (c *calendar) moved() map[string][]property {
	moved := map[string][]property{}
	for i := range c.events {
		if e := &c.events[i]; e.replaces.value != "" {
			moved[e.uid] = append(moved[e.uid], e.replaces)
		}
	}
	return moved
}

// occasion reads an event; false if it has no time.
func (c *calendar) occasion(e *event) (x occasion, ok bool) {
	x = occasion{event: e, zone: c.zoneOf(e.start)}
	if x.start, ok = parseWhen(e.start.value); !ok {
		return x, false
	}
	x.begins = x.start.in(x.zone)
	end, hasEnd := parseWhen(e.end.value)
	switch d, hasDuration := parseDuration(e.duration); {
	case hasEnd:
		x.length = end.in(c.zoneOf(e.end)).Sub(x.begins)
	case hasDuration:
		x.length = d
	case x.start.whole:
		x.length = 24 * time.Hour
	}
	x.state = e.state(x.start.whole, x.length)
	return x, x.length > 0
}

// state returns what the owner does during an event. That somebody has invited is
// not that he is there.
func (e *event) state(whole bool, length time.Duration) State {
	switch {
	case e.status == "CANCELLED" || e.busy == "FREE" || e.busy == "TENTATIVE" || e.busy == "WORKINGELSEWHERE":
		return Free
	case e.busy == "OOF" && (whole || length >= 24*time.Hour):
		return Vacation
	case e.busy == "OOF":
		return Away
	case whole || e.transparent || e.status == "TENTATIVE" && e.busy == "":
		return Free
	default:
		return Meeting
	}
}

// occurrences returns when an event begins, in the window as far as it repeats.
func (c *calendar) occurrences(x occasion, moved []property) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		if x.event.replaces.value != "" {
			yield(x.begins)
			return
		}
		if x.event.rule == "" && len(x.event.also) == 0 {
			if !c.isExcept(x, x.begins, moved) {
				yield(x.begins)
			}
			return
		}
		for _, begins := range c.repeated(x) {
			if !c.isExcept(x, begins, moved) && !yield(begins) {
				return
			}
		}
	}
}

// repeated returns when an event that repeats begins, around the window.
func (c *calendar) repeated(x occasion) (all []time.Time) {
	length := min(x.length, longestRepeated)
	r, ok := parseRule(x.event.rule, x.start.day)
	if !ok {
		all = append(all, x.begins)
	} else {
		first := day(floor(c.window.From.Add(-length).Unix())) - 2
		last := day(floor(c.window.To.Unix())) + 2
		for _, d := range r.days(first, last, &c.steps) {
			on := x.start
			on.day = d
			begins := on.in(x.zone)
			if !r.until.set || !isAfter(on, begins, r.until, x.zone) {
				all = append(all, begins)
			}
		}
	}
	for _, p := range x.event.also {
		for s := range strings.SplitSeq(p.value, ",") {
			s, _, _ = strings.Cut(s, "/") // a PERIOD
			c.steps--
			if on, isWhen := parseWhen(s); isWhen && c.steps > 0 {
				all = append(all, on.in(c.zoneOf(p)))
			}
		}
	}
	return all
}

// isAfter reports whether an occurrence comes after the end of its rule.
func isAfter(on when, begins time.Time, until when, z zone) bool {
	if until.whole {
		return on.day > until.day
	}
	return begins.After(until.in(z))
}

// isExcept reports whether an occurrence is left out, or has an event of its own.
func (c *calendar) isExcept(x occasion, begins time.Time, moved []property) bool {
	return c.names(x.event.except, x, begins) || c.names(moved, x, begins)
}

// names reports whether a list names an occurrence: by its time, or its day.
func (c *calendar) names(list []property, x occasion, begins time.Time) bool {
	for _, p := range list {
		for s := range strings.SplitSeq(p.value, ",") {
			c.steps--
			on, ok := parseWhen(s)
			if !ok || c.steps <= 0 {
				continue
			}
			if on.whole && on.day == dayAt(x.zone, begins) || !on.whole && on.in(c.zoneOf(p)).Equal(begins) {
				return true
			}
		}
	}
	return false
}

// dayAt returns the day on which a time is in a zone.
func dayAt(z zone, t time.Time) day {
	u := t.Unix()
	return day(floor(u + z.offset(u)))
}
