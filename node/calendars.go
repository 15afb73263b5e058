package node

import (
	"time"

	"carillon/node/calendar"
	"carillon/store"
)

// calendars has the mains ask the calendars of users, one of them at a time.
func (n *Node) calendars() {
	if n.identity.Role != RoleMain {
		return
	}
	t := &calendarTurn{self: n.identity.Name, mains: n.peers.mains, alive: n.system.isAlive}
	asker := calendar.New(calendar.Options{
		View: n.config.View, Presences: n.presences, Turn: func() bool { return t.isOurs(time.Now()) },
		Zone: time.Local, Logger: n.component("calendars"),
	})
	n.run("the calendars of users", asker.Run)
}

// A calendarTurn says which main asks the calendars: the first by name of those that
// are heard. While mains do not hear each other each side has one; what two say of the
// same event is the same.
type calendarTurn struct {
	self  string
	mains func() []store.Node // the others
	alive func(name string) bool
	since time.Time // no earlier one has been heard; zero: one is
}

// A main that has just started has heard nobody yet, and a line may be down for a
// moment.
const calendarPatience = 10 * time.Second

// isOurs reports whether it is this node's turn.
func (t *calendarTurn) isOurs(now time.Time) bool {
	earlier := false
	for _, m := range t.mains() {
		if m.Name < t.self {
			earlier = true
			if t.alive(m.Name) {
				t.since = time.Time{}
				return false
			}
		}
	}
	if t.since.IsZero() {
		t.since = now
	}
	return !earlier || now.Sub(t.since) >= calendarPatience
}
