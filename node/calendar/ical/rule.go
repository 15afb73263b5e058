package ical

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A frequency is the period of a rule.
type frequency uint8

const (
	daily frequency = 1 + iota
	weekly
	monthly
	yearly
)

// A rule says of any day whether it has an occurrence (RFC 5545 3.3.10), so that a
// window costs its days, however long ago the first occurrence was. Only a COUNT
// looks at all days since. Rules of hours, minutes and seconds, and of numbered
// weeks, are not known: of such an event its first occurrence counts.
type rule struct {
	freq     frequency
	interval int
	count    int  // 0: no bound
	until    when // zero: no bound
	weekFrom time.Weekday

	months    []int
	monthDays []int
	yearDays  []int
	weekdays  []nth
	positions []int

	start day
	first date // of start
}

// nth is a weekday, or with n the n-th of its month or year, from the end if n is
// negative.
type nth struct {
	n       int
	weekday time.Weekday
}

const mostParts = 400 // of a list in a rule

// parseRule reads a RRULE of an event that begins on a day.
func parseRule(text string, start day) (r rule, ok bool) {
	r = rule{interval: 1, weekFrom: time.Monday, start: start, first: start.date()}
	for part := range strings.SplitSeq(strings.ToUpper(text), ";") {
		name, value, _ := strings.Cut(part, "=")
		if !r.set(strings.TrimSpace(name), strings.TrimSpace(value)) {
			return r, false
		}
	}
	r.fill()
	return r, r.freq != 0
}

func (r *rule) set(name, value string) (ok bool) {
	switch name {
	case "FREQ":
		r.freq = frequency(1 + slices.Index([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, value)) //nolint:gosec // one of four, or none
		return r.freq != 0
	case "INTERVAL":
		r.interval, ok = number(value, 1, 10_000)
	case "COUNT":
		r.count, ok = number(value, 1, 1_000_000)
	case "UNTIL":
		r.until, ok = parseWhen(value)
	case "WKST":
		r.weekFrom, ok = weekdayOf(value)
	case "BYMONTH":
		r.months, ok = numbers(value, 1, 12)
	case "BYMONTHDAY":
		r.monthDays, ok = numbers(value, -31, 31)
	case "BYYEARDAY":
		r.yearDays, ok = numbers(value, -366, 366)
	case "BYSETPOS":
		r.positions, ok = numbers(value, -366, 366)
	case "BYDAY":
		r.weekdays, ok = nths(value)
	case "":
		return value == ""
	default:
		return strings.HasPrefix(name, "X-") || name == "RSCALE" && value == "GREGORIAN"
	}
	return ok
}

// fill says what follows from the first day when the rule does not say.
func (r *rule) fill() {
	if len(r.weekdays)+len(r.monthDays)+len(r.yearDays) > 0 {
		return
	}
	switch r.freq {
	case weekly:
		r.weekdays = []nth{{0, r.start.weekday()}}
	case yearly:
		if len(r.months) == 0 {
			r.months = []int{int(r.first.month)}
		}
		r.monthDays = []int{r.first.day}
	case monthly:
		r.monthDays = []int{r.first.day}
	case daily:
	}
}

// has reports whether an occurrence begins on d, but for COUNT and UNTIL. It takes
// from steps what it costs.
func (r *rule) has(d day, steps *int) bool {
	*steps--
	if d < r.start || !r.isPeriod(d) || !r.allows(d) {
		return false
	}
	return len(r.positions) == 0 || r.isPosition(d, steps)
}

// isPeriod reports whether d is in a period of the rule.
func (r *rule) isPeriod(d day) bool {
	var periods int
	switch r.freq {
	case daily:
		periods = int(d - r.start)
	case weekly:
		periods = int(d.week(r.weekFrom)-r.start.week(r.weekFrom)) / 7
	case monthly:
		periods = d.date().months() - r.first.months()
	case yearly:
		periods = d.date().year - r.first.year
	}
	return periods%r.interval == 0
}

// allows reports whether the lists of the rule have d.
func (r *rule) allows(d day) bool {
	is := d.date()
	return (len(r.months) == 0 || slices.Contains(r.months, int(is.month))) &&
		(len(r.monthDays) == 0 || contains(r.monthDays, d, is.firstOfMonth(), is.lastOfMonth())) &&
		(len(r.yearDays) == 0 || contains(r.yearDays, d, is.firstOfYear(), is.lastOfYear())) &&
		(len(r.weekdays) == 0 || slices.ContainsFunc(r.weekdays, func(n nth) bool { return r.isNth(n, d, is) }))
}

// contains reports whether d is one of the numbered days of a month or year, of which
// negative ones count from the end.
func contains(numbered []int, d, first, last day) bool {
	return slices.Contains(numbered, int(d-first)+1) || slices.Contains(numbered, int(d-last)-1)
}

// isNth reports whether d is the weekday that n says, in its month or year.
func (r *rule) isNth(n nth, d day, is date) bool {
	if d.weekday() != n.weekday {
		return false
	}
	first, last := is.firstOfMonth(), is.lastOfMonth()
	switch {
	case n.n == 0 || r.freq < monthly:
		return true
	case r.freq == yearly && len(r.months) == 0:
		first, last = is.firstOfYear(), is.lastOfYear()
	}
	if n.n > 0 {
		return int(d-first)/7 == n.n-1
	}
	return int(last-d)/7 == -n.n-1
}

// isPosition reports whether d is one of the days that BYSETPOS takes of those of its
// period.
func (r *rule) isPosition(d day, steps *int) bool {
	first, last := r.period(d)
	before, all := 0, 0
	for x := first; x <= last; x++ {
		*steps--
		if r.allows(x) {
			all++
			if x <= d {
				before++
			}
		}
	}
	return slices.Contains(r.positions, before) || slices.Contains(r.positions, before-all-1)
}

func (r *rule) period(d day) (first, last day) {
	switch r.freq {
	case weekly:
		return d.week(r.weekFrom), d.week(r.weekFrom) + 6
	case monthly:
		return d.date().firstOfMonth(), d.date().lastOfMonth()
	case yearly:
		return d.date().firstOfYear(), d.date().lastOfYear()
	default:
		return d, d
	}
}

// days returns the days from first to last on which occurrences begin; those of a
// rule with COUNT are counted from its start.
func (r *rule) days(first, last day, steps *int) (all []day) {
	first = max(first, r.start)
	from, counted := first, 0
	if r.count > 0 {
		from = r.start
	}
	for d := from; d <= last && *steps > 0; d++ {
		if !r.has(d, steps) {
			continue
		}
		if counted++; r.count > 0 && counted > r.count {
			break
		}
		if d >= first {
			all = append(all, d)
		}
	}
	return all
}

func number(s string, least, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= least && n <= most && n != 0
}

func numbers(s string, least, most int) (all []int, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		n, isNumber := number(strings.TrimPrefix(part, "+"), least, most)
		if !isNumber || len(all) == mostParts {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

func weekdayOf(s string) (time.Weekday, bool) {
	i := slices.Index([]string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}, s)
	return time.Weekday(max(0, i)), i >= 0
}

func nths(s string) (all []nth, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		at := max(0, len(part)-2)
		w, isWeekday := weekdayOf(part[at:])
		n, isNumber := 0, true
		if at > 0 {
			n, isNumber = number(strings.TrimPrefix(part[:at], "+"), -53, 53)
		}
		if !isWeekday || !isNumber || len(all) == mostParts {
			return nil, false
		}
		all = append(all, nth{n, w})
	}
	return all, true
}
