package ical

import (
	"strconv"
	"strings"
	"time"
)

// A when is a DATE or DATE-TIME as written (RFC 5545 3.3.4, 3.3.5), without its zone.
// The zero value is none.
type when struct {
	day     day
	seconds int64 // of the day
	whole   bool  // a DATE
	utc     bool
	set     bool
}

// parseWhen reads 20261122, 20261122T120000 or 20261122T120000Z.
func parseWhen(s string) (w when, ok bool) {
	days, clock, timed := strings.Cut(s, "T")
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || len(days) != 8 {
		return w, false
	}
	y, m, d := int(n/10_000), time.Month(n/100%100), int(n%100)
	w = when{day: dayOf(y, m, d), whole: !timed, set: true}
	if is := w.day.date(); is.month != m || is.day != d {
		return w, false // no such day
	}
	if !timed {
		return w, true
	}
	clock, w.utc = strings.CutSuffix(clock, "Z")
	w.seconds, ok = parseClock(clock)
	return w, ok
}

// parseClock reads 120000.
func parseClock(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	h, m, sec := n/10_000, n/100%100, n%100
	if err != nil || len(s) != 6 || h > 23 || m > 59 || sec > 60 {
		return 0, false
	}
	return int64(h*3600 + m*60 + min(sec, 59)), true
}

// local returns the seconds since 1970-01-01 by the clock of its zone.
func (w when) local() int64 { return int64(w.day)*secondsOfDay + w.seconds }

// in returns the time that w is in a zone.
func (w when) in(z zone) time.Time {
	if w.utc {
		return time.Unix(w.local(), 0)
	}
	return at(z, w.local())
}

const longestDuration = 366 * 24 * time.Hour

// parseDuration reads a DURATION (RFC 5545 3.3.6): P1DT2H, PT15M, P2W. A negative
// one, or one of more than a year, is none.
func parseDuration(s string) (time.Duration, bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(s, "+"), "P")
	var sum time.Duration
	n, digits := 0, 0
	for _, c := range []byte(rest) {
		unit := map[byte]time.Duration{'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}[c]
		switch {
		case c >= '0' && c <= '9' && digits < 8:
			n, digits = n*10+int(c-'0'), digits+1
		case c == 'T' && digits == 0:
		case unit > 0 && digits > 0 && time.Duration(n) <= longestDuration/unit:
			sum += time.Duration(n) * unit
			n, digits = 0, 0
		default:
			return 0, false
		}
		if sum > longestDuration {
			return 0, false
		}
	}
	return sum, ok && digits == 0
}
