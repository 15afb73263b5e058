package ical

import "time"

// A day counts from 1970-01-01, in no zone.
type day int

const secondsOfDay = 24 * 60 * 60

func dayOf(year int, month time.Month, date int) day {
	return day(floor(time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix()))
}

// floor returns the day of a number of seconds since 1970-01-01.
func floor(seconds int64) int64 {
	d := seconds / secondsOfDay
	if seconds%secondsOfDay < 0 {
		d--
	}
	return d
}

// A date is a day as people write it.
type date struct {
	year  int
	month time.Month
	day   int
}

func (d day) date() date {
	y, m, dd := time.Unix(int64(d)*secondsOfDay, 0).UTC().Date()
	return date{y, m, dd}
}

func (d day) weekday() time.Weekday { return time.Weekday(((int(d)+4)%7 + 7) % 7) }

// week returns the day on which the week of d begins.
func (d day) week(begins time.Weekday) day {
	return d - day((int(d.weekday())-int(begins)+7)%7)
}

// months counts months since year 0.
func (d date) months() int { return d.year*12 + int(d.month) - 1 }

func (d date) firstOfMonth() day { return dayOf(d.year, d.month, 1) }
func (d date) lastOfMonth() day  { return dayOf(d.year, d.month+1, 1) - 1 }
func (d date) firstOfYear() day  { return dayOf(d.year, 1, 1) }
func (d date) lastOfYear() day   { return dayOf(d.year+1, 1, 1) - 1 }
