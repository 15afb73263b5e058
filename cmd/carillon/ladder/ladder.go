// Package ladder draws the messages of a call as people have always drawn them:
// a rail for each phone and node, an arrow for each message, time going down. It
// turns values into lines of plain text; who shows them, and where, is not its
// business.
package ladder

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"carillon/node/admin"
)

// A Ladder is messages and the rails between which they went.
type Ladder struct {
	Rails []Rail
	Steps []Step
	zone  *time.Location
	width int // of a rail's column
}

// A Rail is one node, or one address of a phone.
type Rail struct{ Name, Address string }

// A Step is one message between two rails.
type Step struct {
	Message  admin.Message
	From, To int // places in Rails
	Label    string
}

// New draws messages, which must be in the order of time, with times in a zone.
func New(messages []admin.Message, zone *time.Location) *Ladder {
	l := &Ladder{zone: zone}
	places, listens := make(map[string]int), addresses(messages)
	seen := make(map[string]bool)
	for _, m := range messages {
		here := l.rail(places, admin.End{Name: m.Node, Address: listens[m.Node], Node: true})
		if at := listens[m.Peer.Name]; m.Peer.Node && at != "" {
			m.Peer.Address = at
		}
		there := l.rail(places, m.Peer)
		s := Step{Message: m, From: there, To: here, Label: label(m)}
		if m.Sent {
			s.From, s.To = here, there
		}
		if again := fmt.Sprint(s.From, s.To, m.Text); seen[again] {
			s.Label += " again"
		} else {
			seen[again] = true
		}
		l.Steps = append(l.Steps, s)
	}
	l.order()
	l.measure()
	return l
}

// addresses returns where nodes speak to phones, which says more of them than
// where they speak to each other.
func addresses(messages []admin.Message) map[string]string {
	found := make(map[string]string)
	for _, m := range messages {
		if found[m.Node] == "" || !m.Peer.Node {
			found[m.Node] = m.Local
		}
	}
	return found
}

// rail returns the place of a rail, and makes it when it is new. A node is known
// by its name, since it has several addresses, anything else by its address.
func (l *Ladder) rail(places map[string]int, e admin.End) int {
	key := e.Address
	if e.Node {
		key = "node " + e.Name
	}
	at, ok := places[key]
	if !ok {
		at = len(l.Rails)
		places[key] = at
		l.Rails = append(l.Rails, Rail{Plain(e.Name), Plain(e.Address)})
	}
	return at
}

// order puts the rails in the order in which a call reached them: who sends the
// first message stands on the left.
func (l *Ladder) order() {
	var reached []int
	place := make(map[int]int)
	add := func(rail int) {
		if _, ok := place[rail]; !ok {
			place[rail] = len(reached)
			reached = append(reached, rail)
		}
	}
	for _, s := range l.Steps {
		add(s.From)
		add(s.To)
	}
	rails := make([]Rail, len(reached))
	for at, rail := range reached {
		rails[at] = l.Rails[rail]
	}
	l.Rails = rails
	for i := range l.Steps {
		l.Steps[i].From, l.Steps[i].To = place[l.Steps[i].From], place[l.Steps[i].To]
	}
}

// label is what stands over an arrow.
func label(m admin.Message) string {
	text := Plain(m.Start)
	if text == "" {
		text = "?"
	}
	if m.SDP {
		text += " (SDP)"
	}
	return text
}

// Plain drops what a terminal would act on.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, s)
}
