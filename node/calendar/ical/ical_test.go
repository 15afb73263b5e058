package ical

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func brussels(tb testing.TB) *time.Location {
	tb.Helper()
	l, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// calendarOf returns a calendar of components, each of lines.
func calendarOf(components ...string) []byte {
	return []byte("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + strings.ReplaceAll(strings.Join(components, "\n"), "\n", "\r\n") + "\r\nEND:VCALENDAR\r\n")
}

func eventOf(lines ...string) string {
	return "BEGIN:VEVENT\n" + strings.Join(lines, "\n") + "\nEND:VEVENT"
}

// text returns a timeline by the clocks of a zone.
func text(line []Span, z *time.Location) string {
	var all []string
	for _, s := range line {
		all = append(all, fmt.Sprintf("%s-%s %s", s.Start.In(z).Format("02T15:04"), s.End.In(z).Format("02T15:04"), s.State))
	}
	return strings.Join(all, ", ")
}

// outlook is how Outlook describes the zone of Brussels.
const outlook = `BEGIN:VTIMEZONE
TZID:Somewhere of ours
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE`

// What occupies an owner on Monday 23 and Tuesday 24 November 2026, by the clocks of
// Brussels.
func TestWhatOccupies(t *testing.T) {
	z := brussels(t)
	window := Window{From: time.Date(2026, 11, 23, 0, 0, 0, 0, z), To: time.Date(2026, 11, 25, 0, 0, 0, 0, z), Zone: z}
	const nine = "DTSTART;TZID=Europe/Brussels:20261123T090000\nDTEND;TZID=Europe/Brussels:20261123T100000"
	for _, c := range []struct {
		name string
		of   []string
		want string
	}{
		{"an event", []string{eventOf(nine)}, "23T09:00-23T10:00 meeting"},
		{"in UTC", []string{eventOf("DTSTART:20261123T080000Z\nDTEND:20261123T090000Z")}, "23T09:00-23T10:00 meeting"},
		{"floating", []string{eventOf("DTSTART:20261123T090000\nDTEND:20261123T100000")}, "23T09:00-23T10:00 meeting"},
		{"floating in a calendar of New York", []string{"X-WR-TIMEZONE:America/New_York", eventOf("DTSTART:20261123T030000\nDURATION:PT1H")}, "23T09:00-23T10:00 meeting"},
		{"by a duration", []string{eventOf("DTSTART:20261123T080000Z\nDURATION:PT1H30M")}, "23T09:00-23T10:30 meeting"},
		{"a name that Windows has", []string{eventOf("DTSTART;TZID=Romance Standard Time:20261123T090000\nDURATION:PT1H")}, "23T09:00-23T10:00 meeting"},
		{"a name in quotes", []string{eventOf(`DTSTART;X="a:b;c";TZID="Romance Standard Time":20261123T090000` + "\nDURATION:PT1H")}, "23T09:00-23T10:00 meeting"},
		{"a zone that the calendar describes", []string{outlook, eventOf("DTSTART;TZID=Somewhere of ours:20261123T090000\nDURATION:PT1H")}, "23T09:00-23T10:00 meeting"},
		{"described after the event", []string{eventOf("DTSTART;TZID=Somewhere of ours:20261123T090000\nDURATION:PT1H"), outlook}, "23T09:00-23T10:00 meeting"},
		{"the name of Mozilla", []string{eventOf("DTSTART;TZID=/mozilla.org/20050126_1/Europe/Brussels:20261123T090000\nDURATION:PT1H")}, "23T09:00-23T10:00 meeting"},
		{"folded", []string{eventOf("DTSTART;TZID=Europe/\n Brussels:20261123T0\n\t90000\nDURATION:PT1H")}, "23T09:00-23T10:00 meeting"},
		{"names in small letters", []string{"begin:vevent\ndtstart:20261123T080000Z\nduration:PT1H\nend:vevent"}, "23T09:00-23T10:00 meeting"},

		{"transparent", []string{eventOf(nine, "TRANSP:TRANSPARENT")}, ""},
		{"opaque", []string{eventOf(nine, "TRANSP:OPAQUE")}, "23T09:00-23T10:00 meeting"},
		{"cancelled", []string{eventOf(nine, "STATUS:CANCELLED")}, ""},
		{"tentative", []string{eventOf(nine, "STATUS:TENTATIVE")}, ""},
		{"free", []string{eventOf(nine, "X-MICROSOFT-CDO-BUSYSTATUS:FREE")}, ""},
		{"busy", []string{eventOf(nine, "X-MICROSOFT-CDO-BUSYSTATUS:BUSY")}, "23T09:00-23T10:00 meeting"},
		{"an invitation not answered", []string{eventOf(nine, "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE")}, ""},
		{"out of office for an hour", []string{eventOf(nine, "X-MICROSOFT-CDO-BUSYSTATUS:OOF")}, "23T09:00-23T10:00 away"},
		{"out of office for days", []string{eventOf("DTSTART;VALUE=DATE:20261116\nDTEND;VALUE=DATE:20261207", "X-MICROSOFT-CDO-BUSYSTATUS:OOF")}, "16T00:00-07T00:00 vacation"},
		{"a birthday", []string{eventOf("DTSTART;VALUE=DATE:20261123\nDTEND;VALUE=DATE:20261124")}, ""},
		{"private", []string{eventOf(nine, "CLASS:PRIVATE", "SUMMARY:Doctor")}, "23T09:00-23T10:00 meeting"},
		{"an alarm of its own", []string{eventOf(nine, "BEGIN:VALARM", "TRIGGER:-PT15M", "DURATION:P9D", "DTSTART:20200101T000000Z", "END:VALARM")}, "23T09:00-23T10:00 meeting"},
		{"a task", []string{"BEGIN:VTODO\n" + nine + "\nEND:VTODO"}, ""},
		{"no length", []string{eventOf("DTSTART:20261123T080000Z")}, ""},
		{"an end before its start", []string{eventOf("DTSTART:20261123T080000Z\nDTEND:20261123T070000Z")}, ""},
		{"a length below nothing", []string{eventOf("DTSTART:20261123T080000Z\nDURATION:-PT1H")}, ""},
		{"no such day", []string{eventOf("DTSTART:20261131T080000Z\nDURATION:PT1H")}, ""},

		{"one behind the other", []string{eventOf(nine), eventOf("DTSTART:20261123T090000Z\nDURATION:PT1H")}, "23T09:00-23T11:00 meeting"},
		{"one over the other", []string{eventOf(nine), eventOf("DTSTART:20261123T083000Z\nDURATION:PT2H")}, "23T09:00-23T11:30 meeting"},
		{
			"away in the middle",
			[]string{eventOf("DTSTART:20261123T080000Z\nDURATION:PT3H"), eventOf("DTSTART:20261123T090000Z\nDURATION:PT1H", "X-MICROSOFT-CDO-BUSYSTATUS:OOF")},
			"23T09:00-23T10:00 meeting, 23T10:00-23T11:00 away, 23T11:00-23T12:00 meeting",
		},

		{"each day since 1998", []string{eventOf("DTSTART;TZID=Europe/Brussels:19980101T090000\nDURATION:PT1H", "RRULE:FREQ=DAILY")}, "23T09:00-23T10:00 meeting, 24T09:00-24T10:00 meeting"},
		{"every other day", []string{eventOf("DTSTART:20261122T080000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY;INTERVAL=2")}, "24T09:00-24T10:00 meeting"},
		{"a day is left out", []string{eventOf("DTSTART;TZID=Europe/Brussels:20261101T090000\nDURATION:PT1H", "RRULE:FREQ=DAILY", "EXDATE;TZID=Europe/Brussels:20261103T090000,20261123T090000")}, "24T09:00-24T10:00 meeting"},
		{"a day is left out by its date", []string{eventOf("DTSTART:20261101T080000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20261123")}, "24T09:00-24T10:00 meeting"},
		{"another day is added", []string{eventOf("DTSTART:20261101T080000Z\nDURATION:PT1H", "RDATE:20261124T100000Z,20261125T100000Z")}, "24T11:00-24T12:00 meeting"},
		{"until yesterday", []string{eventOf("DTSTART:20261101T080000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20261122T080000Z")}, ""},
		{"until today", []string{eventOf("DTSTART:20261101T080000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20261123T080000Z")}, "23T09:00-23T10:00 meeting"},
		{"23 times", []string{eventOf("DTSTART:20261101T080000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=23")}, "23T09:00-23T10:00 meeting"},
		{"ten times", []string{eventOf("DTSTART:20261101T080000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=10")}, ""},
		{
			"one is moved to the next day, one is off",
			[]string{
				eventOf("UID:a\nDTSTART:20261102T080000Z\nDURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU"),
				eventOf("UID:a\nRECURRENCE-ID:20261123T080000Z\nDTSTART:20261124T120000Z\nDURATION:PT30M"),
				eventOf("UID:a\nRECURRENCE-ID:20261124T080000Z\nDTSTART:20261124T080000Z\nDURATION:PT1H\nSTATUS:CANCELLED"),
			},
			"24T13:00-24T13:30 meeting",
		},
		{"over midnight", []string{eventOf("DTSTART:20261101T223000Z\nDURATION:PT1H", "RRULE:FREQ=DAILY")}, "22T23:30-23T00:30 meeting, 23T23:30-24T00:30 meeting, 24T23:30-25T00:30 meeting"},
		{"each second since 1970", []string{eventOf("DTSTART:19700101T000000Z\nDURATION:PT1H", "RRULE:FREQ=SECONDLY")}, ""},
		{"30 February of any year", []string{eventOf("DTSTART:19700101T000000Z\nDURATION:PT1H", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			line, err := Timeline([][]byte{calendarOf(c.of...)}, window)
			if got := text(line, z); got != c.want || err != nil {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}
