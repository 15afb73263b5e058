package ical

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// FuzzTimeline: whatever strangers send, what comes of it is a line: in order, without
// holes in time, of states that are something, and in the window; and to read it takes
// no longer than its size allows.
func FuzzTimeline(f *testing.F) {
	for _, of := range []string{
		eventOf("UID:a\nDTSTART;TZID=Somewhere of ours:20261123T090000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1,2;UNTIL=20270101T000000Z\nEXDATE:20261123T080000Z"),
		eventOf("UID:a\nRECURRENCE-ID:20261123T080000Z\nDTSTART:20261124T120000Z\nDTEND:20261124T123000Z\nSTATUS:CANCELLED\nX-MICROSOFT-CDO-BUSYSTATUS:OOF"),
		eventOf("DTSTART;VALUE=DATE:00010101\nDTEND;VALUE=DATE:99991231\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\nRDATE;VALUE=PERIOD:20261123T080000Z/PT1H"),
		eventOf("DTSTART:00010101T000000Z\nDURATION:P365D\nRRULE:FREQ=YEARLY;COUNT=9999;BYMONTH=2;BYMONTHDAY=30"),
	} {
		f.Add(calendarOf(outlook, of))
	}
	w := Window{From: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	f.Fuzz(func(t *testing.T, data []byte) {
		line, err := Timeline([][]byte{data}, w)
		if err != nil && line != nil || len(line) > mostSpans {
			t.Fatalf("got %d spans (%v)", len(line), err)
		}
		for i, s := range line {
			if s.State == Free || s.State > Vacation || !s.Start.Before(s.End) {
				t.Errorf("%+v", s)
			}
			if i > 0 && (s.Start.Before(line[i-1].End) || s.Start.Equal(line[i-1].End) && s.State == line[i-1].State) {
				t.Errorf("%+v follows %+v", s, line[i-1])
			}
			if state, until := At(line, s.Start); state != s.State || !until.Equal(s.End) {
				t.Errorf("at the start of %+v is %v until %v", s, state, until)
			}
		}
	})
}

// What is made to be dear is refused, or costs little: a rule counts the days that it
// looks at, so that this needs no clock.
func TestBombs(t *testing.T) {
	w := Window{From: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), Zone: time.UTC}
	many := func(n int, of string) []byte {
		all := make([]string, n)
		for i := range all {
			all[i] = of
		}
		return calendarOf(all...)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"a thousand that repeat each day since the year 1", many(1000, eventOf("DTSTART:00010101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY")), nil},
		{"a thousand that are counted from the year 1", many(1000, eventOf("DTSTART:00010101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=900000")), ErrTooMuch},
		{"a thousand of the 366th of all days of the year", many(1000, eventOf("DTSTART:20000101T000000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=366;COUNT=100")), ErrTooMuch},
		{"a hundred thousand events", many(100_000, eventOf("DTSTART:20261123T000000Z\nDURATION:PT1H")), ErrTooMuch},
		{"a hundred observances of a zone, three times", many(3, "BEGIN:VTIMEZONE\nTZID:x\n"+string(many(70, "BEGIN:STANDARD\nEND:STANDARD"))+"\nEND:VTIMEZONE"), nil},
		{"more zones than are kept, and then one forty thousand times", manyZones(), nil},
		{"begun and begun again", many(100, "BEGIN:X"), ErrNoCalendar},
	} {
		if _, err := Timeline([][]byte{c.data}, w); err != c.want { //nolint:errorlint // itself
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// manyZones is a calendar that would have a zone looked up each time.
func manyZones() []byte {
	var events []string
	for i := range mostZones {
		events = append(events, eventOf(fmt.Sprintf("DTSTART;TZID=junk%d:20261123T000000\nDURATION:PT1H", i)))
	}
	except := strings.Repeat("\nEXDATE;TZID=Europe/Brussels:20260101T000000", 40_000)
	return calendarOf(append(events, eventOf("DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"+except))...)
}

// Clocks that are set, by the zone of this machine and by the one that Outlook
// describes: what is at nine stays at nine; what is in the hour that is left out, or
// twice there, has the length that it has.
func TestClocksAreSet(t *testing.T) {
	z := brussels(t)
	for _, tzid := range []string{"Europe/Brussels", "Somewhere of ours"} {
		for _, c := range []struct {
			from  time.Time
			start string
			want  string // in UTC
		}{
			{time.Date(2026, 3, 28, 0, 0, 0, 0, z), "20260101T090000", "28T08:00-28T09:00 meeting, 29T07:00-29T08:00 meeting"},
			{time.Date(2026, 10, 24, 0, 0, 0, 0, z), "20260101T090000", "24T07:00-24T08:00 meeting, 25T08:00-25T09:00 meeting"},
			{time.Date(2026, 3, 28, 0, 0, 0, 0, z), "20260101T023000", "28T01:30-28T02:30 meeting, 29T01:30-29T02:30 meeting"},
			{time.Date(2026, 10, 24, 0, 0, 0, 0, z), "20260101T023000", "24T00:30-24T01:30 meeting, 25T00:30-25T01:30 meeting"},
		} {
			data := calendarOf(outlook, eventOf("DTSTART;TZID="+tzid+":"+c.start+"\nDURATION:PT1H\nRRULE:FREQ=DAILY"))
			line, err := Timeline([][]byte{data}, Window{From: c.from, To: c.from.AddDate(0, 0, 2), Zone: z})
			if got := text(line, time.UTC); got != c.want || err != nil {
				t.Errorf("%s, each day at %s from %s: got %q (%v), want %q", tzid, c.start, c.from, got, err, c.want)
			}
		}
	}
}
