// Package dialog knows which calls exist. It watches the messages that the
// proxy passes on, from the first INVITE to the last BYE, and keeps the table
// of calls true: for the `calls` command now, for lamps and limits later. It
// sends nothing and decides nothing; the proxy tells it what happened and
// store/live holds the result.
package dialog

import (
	"time"

	"carillon/sipcore/message"
	"carillon/store/live"
)

// A Tracker turns SIP events into rows of the table of calls. It is safe for
// concurrent use: a call is known by its own key and told about by one
// transaction at a time.
type Tracker struct {
	node  string
	calls *live.Calls
}

// NewTracker returns a Tracker that writes to calls in the name of node.
func NewTracker(node string, calls *live.Calls) *Tracker {
	return &Tracker{node: node, calls: calls}
}

// An ID names a call: its Call-ID and the tag of the caller, which never change
// (RFC 3261 section 12). Forks of one INVITE share it. The zero ID is no call,
// and every method ignores it.
type ID string

// Invited notes that from calls to with the given INVITE and returns the ID by
// which the call is known from then on.
func (t *Tracker) Invited(invite *message.Message, from, to string) ID {
	id := idOf(invite, invite.FromTag())
	t.calls.Put(live.Call{
		ID: string(id), CallID: invite.CallID(),
		From: from, To: to,
		State: live.Ringing, Node: t.node, Since: time.Now(),
	})
	return id
}

// Answered notes that the call is up. Further answers change nothing.
func (t *Tracker) Answered(id ID) {
	if c, ok := t.calls.Get(string(id)); ok && c.State != live.Up {
		c.State, c.Since = live.Up, time.Now()
		t.calls.Put(c)
	}
}

// Ended notes that the call is over. It may be called more than once.
func (t *Tracker) Ended(id ID) {
	if id != "" {
		t.calls.Delete(string(id))
	}
}

// EndedBy notes the end of the call to which an in-dialog request belongs,
// whichever side sent it.
func (t *Tracker) EndedBy(request *message.Message) {
	t.Ended(idOf(request, request.FromTag()))
	t.Ended(idOf(request, request.ToTag()))
}

func idOf(m *message.Message, tag string) ID { return ID(m.CallID() + "\x00" + tag) }
