package calendar

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// news collects which calendars cannot be read, and which can again, so that a server
// with a thousand of them is one line and not a thousand.
type news struct {
	since time.Time
	all   []report
}

// A report says that a calendar cannot be read for a reason; without one that it can.
type report struct {
	user, server, reason string
}

func (n *news) add(user, server string, err error, now time.Time) {
	r := report{user: user, server: server}
	if err != nil {
		r.reason = err.Error()
	}
	if len(n.all) == 0 {
		n.since = now
	}
	n.all = append(n.all, r)
}

// tell logs what has come together, if the oldest has waited long enough.
func (n *news) tell(log *slog.Logger, now time.Time) {
	if len(n.all) == 0 || now.Sub(n.since) < newsWait {
		return
	}
	slices.SortFunc(n.all, func(a, b report) int {
		return cmp.Or(cmp.Compare(a.server, b.server), cmp.Compare(a.reason, b.reason), cmp.Compare(a.user, b.user))
	})
	for len(n.all) > 0 {
		first := n.all[0]
		end := slices.IndexFunc(n.all, func(r report) bool { return r.server != first.server || r.reason != first.reason })
		if end < 0 {
			end = len(n.all)
		}
		users := usersOf(n.all[:end])
		if first.reason == "" {
			log.Warn("calendars are read again", "server", first.server, "users", users)
		} else {
			log.Warn("calendars cannot be read, and what they said ends when it was to", "server", first.server, "users", users, "error", first.reason)
		}
		n.all = n.all[end:]
	}
	n.all = nil
}

// usersOf names the first of some users, and counts the others.
func usersOf(all []report) string {
	const most = 5
	var names []string
	for _, r := range all[:min(len(all), most)] {
		names = append(names, r.user)
	}
	if more := len(all) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, " ")
}
