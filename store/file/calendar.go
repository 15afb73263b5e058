package file

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"carillon/store"
)

// elsewhere stands for a calendar in an export of a node that does not know it.
const elsewhere = "elsewhere"

// calendar reads where a user's calendar is: an address alone is that of a file.
func (r *reader) calendar(f entry) store.Calendar {
	if _, isText := f.value.(*ast.StringNode); isText {
		switch address := r.text(f); address {
		case elsewhere:
			return store.Calendar{Elsewhere: true}
		default:
			return store.Calendar{Address: address}
		}
	}
	var c store.Calendar
	fields := r.mapping(f.value, f.path, "a calendar", []string{"ics", "caldav", "user", "password"})
	for _, f := range fields {
		switch f.name {
		case "ics", "caldav":
			if c.Address != "" {
				r.fault(f.value, f.path, "a calendar is ics or caldav, and this one is both")
			}
			c.Address, c.CalDAV = r.text(f), f.name == "caldav"
		case "user":
			c.User = r.text(f)
		case "password":
			c.Password = store.NewSecret(r.secret(f))
		}
	}
	if c.Address == "" && len(fields) > 0 {
		r.fault(f.value, f.path, "a calendar needs an address: ics: or caldav:")
	}
	return c
}

func writeCalendar(w *bytes.Buffer, c store.Calendar) {
	switch {
	case c.IsZero():
	case c.Elsewhere:
		fmt.Fprintf(w, "    calendar: %s\n", elsewhere)
	case c.User == "":
		fmt.Fprintf(w, "    calendar: {%s: %s}\n", c.Protocol(), quoted(c.Address))
	default:
		fmt.Fprintf(w, "    calendar: {%s: %s, user: %s}\n", c.Protocol(), quoted(c.Address), quoted(c.User))
	}
}
