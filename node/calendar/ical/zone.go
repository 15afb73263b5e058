package ical

import (
	"slices"
	"strings"
	"time"
)

// A zone says how many seconds its clocks are ahead of UTC at a time of Unix.
type zone interface{ offset(unix int64) int64 }

// at returns the time at which the clocks of z show local. Of a time that is twice it
// is the first; one that is left out is read with the clock of before (RFC 5545
// 3.3.5).
func at(z zone, local int64) time.Time {
	before := z.offset(local - secondsOfDay)
	first := local - before
	if z.offset(first) == before {
		return time.Unix(first, 0)
	}
	after := z.offset(local + secondsOfDay)
	if second := local - after; z.offset(second) == after {
		return time.Unix(second, 0)
	}
	return time.Unix(first, 0)
}

// A known zone is one that this machine has.
type known struct{ *time.Location }

func (k known) offset(unix int64) int64 {
	_, seconds := time.Unix(unix, 0).In(k.Location).Zone()
	return int64(seconds)
}

// A described zone is one that the calendar brings with it (VTIMEZONE).
type described struct {
	turns []turn // by time
	first int64  // the offset before all of them
}

// A turn is when clocks are set.
type turn struct {
	unix, offset int64
}

func (d described) offset(unix int64) int64 {
	i, found := slices.BinarySearchFunc(d.turns, unix, func(t turn, u int64) int {
		switch {
		case t.unix < u:
			return -1
		case t.unix > u:
			return 1
		}
		return 0
	})
	if found {
		return d.turns[i].offset
	}
	if i == 0 {
		return d.first
	}
	return d.turns[i-1].offset
}

// An observance is a STANDARD or DAYLIGHT of a VTIMEZONE.
type observance struct {
	start    when
	from, to int64
	rule     string
	dates    []property
}

// describe makes a zone of observances, right around a window.
func describe(all []observance, w Window, steps *int) (zone, bool) {
	var d described
	first, last := day(floor(w.From.Unix()))-800, day(floor(w.To.Unix()))+400
	for _, o := range all {
		for _, on := range o.onsets(first, last, steps) {
			d.turns = append(d.turns, turn{on.local() - o.from, o.to})
		}
	}
	slices.SortFunc(d.turns, func(a, b turn) int { return int(min(1, max(-1, a.unix-b.unix))) })
	if len(d.turns) == 0 {
		return nil, false
	}
	d.first = d.turns[0].offset
	for _, o := range all {
		if o.start.local()-o.from == d.turns[0].unix {
			d.first = o.from
		}
	}
	return d, true
}

// onsets returns when an observance begins: the first time, and those around a window.
func (o *observance) onsets(first, last day, steps *int) []when {
	all := []when{o.start}
	if r, ok := parseRule(o.rule, o.start.day); ok {
		for _, d := range r.days(first, last, steps) {
			on := when{day: d, seconds: o.start.seconds}
			if !r.until.set || on.local()-o.from <= r.until.local() {
				all = append(all, on)
			}
		}
	}
	for _, p := range o.dates {
		for s := range strings.SplitSeq(p.value, ",") {
			if on, ok := parseWhen(s); ok && len(all) < mostParts {
				all = append(all, on)
			}
		}
	}
	return all
}

// parseOffset reads +0100 or -043000; what is neither is 0.
func parseOffset(s string) int64 {
	if len(s) == 5 {
		s += "00"
	}
	if len(s) != 7 || s[0] != '+' && s[0] != '-' {
		return 0
	}
	seconds, _ := parseClock(s[1:])
	if s[0] == '-' {
		return -seconds
	}
	return seconds
}

// load returns a zone by the name that the IANA or Windows has for it.
func load(name string) (zone, bool) {
	if iana, ok := windows()[name]; ok {
		name = iana
	}
	if parts := strings.Split(strings.Trim(name, "/"), "/"); strings.HasPrefix(name, "/") && len(parts) > 2 {
		name = strings.Join(parts[len(parts)-2:], "/") // /mozilla.org/20050126_1/Europe/Brussels
	}
	isName := name != "" && name != "Local" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' })
	if !isName {
		return nil, false
	}
	l, err := time.LoadLocation(name)
	return known{l}, err == nil
}
