package ical

import (
	"strings"
	"unicode/utf8"
)

// A calendar is what was read of a VCALENDAR, as it was written.
type calendar struct {
	window Window
	events []event
	zones  map[string]zone         // by TZID, as far as asked for
	own    map[string][]observance // the zones that it brings
	usual  zone                    // of times without one
	steps  int                     // that are left
}

// An event is a VEVENT as it was written.
type event struct {
	uid          string
	start, end   property
	duration     string
	replaces     property // RECURRENCE-ID
	rule         string
	except, also []property
	transparent  bool
	status, busy string
}

// A reading is where in the text we are.
type reading struct {
	*calendar
	stack []string
	event event
	zone  string
	turns []observance
	ended bool
}

const (
	deepest   = 6
	mostZones = 64
	mostTurns = 200 // observances of all zones
)

func read(data []byte, w Window) (*calendar, error) {
	text := strings.TrimLeft(strings.TrimPrefix(string(data), "\ufeff"), "\r\n\t ")
	const begin = "BEGIN:VCALENDAR"
	if len(text) < len(begin) || !strings.EqualFold(text[:len(begin)], begin) || !utf8.ValidString(text[:min(len(text), 1000)]) {
		return nil, ErrNoCalendar
	}
	r := &reading{calendar: &calendar{window: w, zones: map[string]zone{}, own: map[string][]observance{}, usual: known{w.Zone}}}
	for line := range lines(text) {
		p, ok := parse(line)
		if !ok {
			continue
		}
		if err := r.take(p); err != nil {
			return nil, err
		}
	}
	if len(r.stack) > 0 || !r.ended {
		return nil, ErrCut
	}
	return r.calendar, nil
}

func (r *reading) take(p property) error {
	switch p.name {
	case "BEGIN":
		if len(r.stack) == deepest {
			return ErrNoCalendar
		}
		return r.begin(strings.ToUpper(p.value))
	case "END":
		r.end(strings.ToUpper(p.value))
		return nil
	}
	switch r.inside() {
	case "VEVENT":
		r.event.set(p)
	case "STANDARD", "DAYLIGHT":
		r.turns[len(r.turns)-1].set(p)
	case "VTIMEZONE":
		if p.name == "TZID" {
			r.zone = p.value
		}
	case "VCALENDAR":
		if p.name == "X-WR-TIMEZONE" {
			r.setUsual(p.value)
		}
	}
	return nil
}

func (r *reading) setUsual(name string) {
	if z, ok := load(name); ok {
		r.usual = z
	}
}

// inside returns the component that p belongs to.
func (r *reading) inside() string {
	if len(r.stack) == 0 {
		return ""
	}
	return r.stack[len(r.stack)-1]
}

func (r *reading) begin(name string) error {
	switch name {
	case "VEVENT":
		r.event = event{}
	case "VTIMEZONE":
		r.zone, r.turns = "", nil
	case "STANDARD", "DAYLIGHT":
		if len(r.turns) == mostTurns {
			return ErrTooMuch
		}
		r.turns = append(r.turns, observance{})
	}
	r.stack = append(r.stack, name)
	if len(r.events) == mostEvents {
		return ErrTooMuch
	}
	return nil
}

// end closes a component. One that was not begun closes nothing.
func (r *reading) end(name string) {
	if r.inside() != name {
		return
	}
	r.stack = r.stack[:len(r.stack)-1]
	switch name {
	case "VEVENT":
		r.events = append(r.events, r.event)
	case "VTIMEZONE":
		if len(r.own) < mostZones {
			r.own[r.zone] = r.turns
		}
	case "VCALENDAR":
		r.ended = true
	}
}

func (e *event) set(p property) {
	switch p.name {
	case "UID":
		e.uid = p.value
	case "DTSTART":
		e.start = p
	case "DTEND":
		e.end = p
	case "DURATION":
		e.duration = p.value
	case "RECURRENCE-ID":
		e.replaces = p
	case "RRULE":
		e.rule = p.value
	case "EXDATE":
		e.except = append(e.except, p)
	case "RDATE":
		e.also = append(e.also, p)
	case "TRANSP":
		e.transparent = strings.EqualFold(p.value, "TRANSPARENT")
	case "STATUS":
		e.status = strings.ToUpper(p.value)
	case "X-MICROSOFT-CDO-BUSYSTATUS":
		e.busy = strings.ToUpper(p.value)
	}
}

func (o *observance) set(p property) {
	switch p.name {
	case "DTSTART":
		o.start, _ = parseWhen(p.value)
	case "TZOFFSETFROM":
		o.from = parseOffset(p.value)
	case "TZOFFSETTO":
		o.to = parseOffset(p.value)
	case "RRULE":
		o.rule = p.value
	case "RDATE":
		o.dates = append(o.dates, p)
	}
}

// zoneOf returns the zone of a property: by its name, as the calendar describes it,
// or the usual one.
func (c *calendar) zoneOf(p property) zone {
	id := p.param("TZID")
	if id == "" {
		return c.usual
	}
	if z, ok := c.zones[id]; ok {
		return z
	}
	if len(c.zones) == mostZones {
		return c.usual // looking a zone up costs more than reading the property did
	}
	z, ok := load(id)
	if !ok {
		z, ok = describe(c.own[id], c.window, &c.steps)
	}
	if !ok {
		z = c.usual
	}
	c.zones[id] = z
	return z
}
