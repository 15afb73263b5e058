// Package dialog knows which calls exist. It watches the messages that the
// proxy passes on, from the first INVITE to the last BYE, and keeps the table
// of calls true: for the `calls` command now, for lamps and limits later. It
// sends nothing and decides nothing; the proxy tells it what happened and
// store/live holds the result.
package dialog

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/store/live"
)

// A Tracker turns SIP events into rows of the table of calls. It is safe for
// concurrent use: a call is known by its own key and told about by one
// transaction at a time.
type Tracker struct {
	node   string
	calls  *live.Calls
	guests *live.Calls // those of other nodes with a phone of this one; nobody is shown them twice
	logger *slog.Logger
}

// NewTracker returns a Tracker that writes to calls in the name of node. It
// starts nothing.
func NewTracker(node string, calls *live.Calls, logger *slog.Logger) *Tracker {
	return &Tracker{node: node, calls: calls, guests: live.NewCalls(), logger: logger}
}

// sweepEvery is how often Run looks for sessions that have ended.
const sweepEvery = 5 * time.Second

// Run ends the calls whose session was not refreshed in time, until ctx ends.
// No BYE is sent: a proxy must not (RFC 4028 section 8.3), and nobody is there.
func (t *Tracker) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			t.guests.Expire(now)
			for _, c := range t.calls.Expire(now) {
				t.logger.Info("call is over: neither phone said that it is still there", "from", c.From, "to", c.To)
			}
		}
	}
}

// An ID names a call: its Call-ID and the tag of the caller, which never change
// (RFC 3261 section 12). Forks of one INVITE share it. The zero ID is no call,
// and every method ignores it.
type ID string

// Invited notes that from calls to with the given INVITE and returns the ID by
// which the call is known from then on. It is false, and the ID zero, when this
// very call is known already: the INVITE was forked on its way to us (RFC 3261
// section 8.2.2.2).
func (t *Tracker) Invited(invite *message.Message, from, to string) (id ID, isNew bool) {
	id = idOf(invite, invite.FromTag())
	x := live.Call{
		ID: string(id), CallID: string(id)[:len(invite.CallID())], // not the INVITE's, whose text it would keep
		From: strings.Clone(from), To: to,
		State: live.Ringing, Node: t.node, Since: time.Now(),
	}
	x.CSeq, _ = invite.CSeq()
	old, added := t.calls.Add(x)
	switch {
	case added:
	case old.CSeq == x.CSeq && old.To == to:
		return "", false
	default:
		t.calls.Put(x)
	}
	return id, true
}

// Invites notes that the given INVITE of another node, which has the call in its
// table, goes on to a phone of a user of this one.
func (t *Tracker) Invites(invite *message.Message, user string) ID {
	id := guestMark + idOf(invite, invite.FromTag())
	t.guests.Add(live.Call{ID: string(id), State: live.Ringing, To: user})
	return id + userMark + ID(user)
}

// userMark stands in the ID of another node's call before the user of this one.
const userMark = "\x01"

// Talking returns the users who have a call at this node, ringing ones included.
func (t *Tracker) Talking() map[string]bool {
	users := make(map[string]bool)
	for _, c := range t.calls.All() {
		users[c.From], users[c.To] = true, true
	}
	for _, c := range t.guests.All() {
		users[c.To] = true
	}
	return users
}

// guestMark begins the IDs of calls that other nodes have in their tables. No
// Call-ID begins so.
const guestMark = "\x00"

// longestGuest is how long a call of another node is remembered whose phones keep no
// session timer: its BYE may have gone another way.
const longestGuest = 24 * time.Hour

// Answered notes that the call is up, and that its session lasts so long unless
// it is refreshed; 0 is without end. A further answer only begins the session
// anew.
func (t *Tracker) Answered(id ID, session time.Duration) {
	now := time.Now()
	if strings.HasPrefix(string(id), guestMark) {
		key, user, _ := strings.Cut(string(id), userMark)
		c := live.Call{ID: key, State: live.Up, To: user} // another branch may have ended
		lasts(&c, cmp.Or(session, longestGuest), now)
		t.guests.Put(c)
		return
	}
	t.calls.Change(string(id), func(c *live.Call) {
		if c.State != live.Up {
			c.State, c.Since = live.Up, now
		}
		lasts(c, session, now)
	})
}

// Refreshed notes that the call to which the answer to an in-dialog request
// belongs begins its session anew, whichever side asked.
func (t *Tracker) Refreshed(answer *message.Message, session time.Duration) {
	for _, tag := range [2]string{answer.FromTag(), answer.ToTag()} {
		id, up := idOf(answer, tag), false
		refresh := func(session time.Duration) func(*live.Call) {
			return func(c *live.Call) {
				if c.State == live.Up {
					up = true
					lasts(c, session, time.Now())
				}
			}
		}
		t.calls.Change(string(id), refresh(session))
		t.guests.Change(string(guestMark+id), refresh(cmp.Or(session, longestGuest)))
		if up {
			return
		}
	}
}

// Carries reports whether a request is in a call that rings or is up, and that
// this node has let pass since it was started.
func (t *Tracker) Carries(request *message.Message) bool {
	for _, tag := range [2]string{request.FromTag(), request.ToTag()} {
		id := idOf(request, tag)
		if _, ok := t.calls.Get(string(id)); ok {
			return true
		}
		if _, ok := t.guests.Get(string(guestMark + id)); ok {
			return true
		}
	}
	return false
}

func lasts(c *live.Call, session time.Duration, now time.Time) {
	c.Expires = time.Time{}
	if session > 0 {
		c.Expires = now.Add(session)
	}
}

// Ended notes that the call is over. It may be called more than once.
func (t *Tracker) Ended(id ID) {
	switch {
	case id == "":
	case !strings.HasPrefix(string(id), guestMark):
		t.calls.Delete(string(id))
	default:
		key, _, _ := strings.Cut(string(id), userMark)
		if c, _ := t.guests.Get(key); c.State == live.Ringing { // else another branch was answered
			t.guests.Delete(key)
		}
	}
}

// EndedBy notes the end of the call to which an in-dialog request belongs,
// whichever side sent it.
func (t *Tracker) EndedBy(request *message.Message) {
	for _, tag := range [2]string{request.FromTag(), request.ToTag()} {
		id := idOf(request, tag)
		t.calls.Delete(string(id))
		t.guests.Delete(string(guestMark + id))
	}
}

// Failed is Ended for a call that nobody was reached by.
func (t *Tracker) Failed(id ID) {
	if id == "" || strings.HasPrefix(string(id), guestMark) {
		t.Ended(id)
		return
	}
	t.calls.End(string(id), live.Failed)
}

// UnheardBy is EndedBy for a request that did not reach the other side.
func (t *Tracker) UnheardBy(request *message.Message) {
	for _, tag := range [2]string{request.FromTag(), request.ToTag()} {
		t.calls.End(string(idOf(request, tag)), live.Unheard)
	}
	t.EndedBy(request)
}

func idOf(m *message.Message, tag string) ID { return ID(m.CallID() + "\x00" + tag) }
