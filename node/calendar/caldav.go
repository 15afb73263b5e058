package calendar

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"time"
)

// The names that CalDAV has (RFC 4791).
const (
	namespace = "urn:ietf:params:xml:ns:caldav"
	deepest   = 20
)

var errNoCollection = errors.New("it is no collection of calendars")

// query asks for the events around now (RFC 4791 7.8).
func query(now time.Time) string {
	const form = "20060102T150405Z"
	today := now.UTC().Truncate(24 * time.Hour)
	return fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="%s"><D:prop><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:time-range start="%s" end="%s"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>
`, namespace, today.Add(-24*time.Hour).Format(form), today.Add(ahead+48*time.Hour).Format(form))
}

// calendarsOf returns the calendars of a multistatus.
func calendarsOf(body []byte) ([][]byte, error) {
	var m multistatus
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && m.begun && m.depth == 0 {
			return m.all, nil
		}
		if err != nil || !m.take(token) {
			return nil, errNoCollection
		}
	}
}

// A multistatus is what was read of one.
type multistatus struct {
	begun bool
	depth int
	data  *bytes.Buffer // while inside calendar-data
	all   [][]byte
}

func (m *multistatus) take(token xml.Token) bool {
	switch t := token.(type) {
	case xml.StartElement:
		return m.start(t.Name)
	case xml.CharData:
		if m.data != nil {
			m.data.Write(t)
		}
	case xml.EndElement:
		m.depth--
		if m.data != nil {
			m.all, m.data = append(m.all, m.data.Bytes()), nil
		}
	}
	return true
}

// start begins an element: one in calendar-data is none that we know.
func (m *multistatus) start(name xml.Name) bool {
	m.depth++
	m.begun = true
	isFirst := name == xml.Name{Space: "DAV:", Local: "multistatus"}
	if m.depth > deepest || m.data != nil || (m.depth == 1) != isFirst {
		return false
	}
	if name == (xml.Name{Space: namespace, Local: "calendar-data"}) {
		m.data = new(bytes.Buffer)
	}
	return true
}
