// Package dialog knows which calls exist. It watches the messages that the
// proxy passes on, from the first INVITE to the last BYE, and keeps the tables
// of calls and of dialogs true: for the `calls` command, for limits, and for the
// lamps of who rings and who is on the phone. It sends nothing and decides
// nothing; the proxy tells it what happened and store/live holds the result.
package dialog

import (
	"cmp"
	"context"
	"encoding/binary"
	"log/slog"
	"strings"
	"sync/atomic"
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
	lamps  *live.Dialogs // written with the lock of their call held
	guests *live.Calls   // those of other nodes with a phone of this one; nobody is shown them twice
	logger *slog.Logger

	out      out
	news     news          // of which other nodes are to be told
	invites  atomic.Uint32 // that began calls; the numbers go round
	keys     atomic.Uint64 // of calls that other nodes were told of
	mistaken atomic.Int64  // for how long lamps were not as their calls were
}

// NewTracker returns a Tracker that writes to calls and to lamps in the name of
// node. It starts nothing.
func NewTracker(node string, calls *live.Calls, lamps *live.Dialogs, logger *slog.Logger) *Tracker {
	return &Tracker{node: node, calls: calls, lamps: lamps, guests: live.NewCalls(), logger: logger, news: newNews(), out: out{of: map[string][]ID{}}}
}

// sweepEvery is how often Run looks for sessions that have ended.
const sweepEvery = 5 * time.Second

// Run ends the calls whose session was not refreshed in time, until ctx ends.
// No BYE is sent: a proxy must not (RFC 4028 section 8.3), and nobody is there.
func (t *Tracker) Run(ctx context.Context) error {
	tick, look := time.NewTicker(sweepEvery), time.NewTicker(auditEvery)
	defer tick.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.news.wake:
			select { // what a call becomes at once, as most do, is told once
			case <-ctx.Done():
				return nil
			case <-time.After(tellAfter):
			}
			t.TellNews()
		case <-look.C:
			t.Audit()
		case now := <-tick.C:
			t.expire(now)
		}
	}
}

func (t *Tracker) expire(now time.Time) {
	t.guests.Expire(now, func(*live.Call) {})
	for _, c := range t.calls.Expire(now, t.darken) {
		t.logger.Info("call is over: neither phone said that it is still there", "from", c.From, "to", c.To)
	}
}

// An ID names what an INVITE began: the call, by its Call-ID and the tag of the caller,
// which never change (RFC 3261 section 12), and which of the INVITEs it was that had them:
// some phones call anew with the same Call-ID before the last try is over, and a carrier
// may send a call of ours back. Forks of one INVITE share it. The zero ID is no call, and every method ignores it.
type ID string

// begunBy returns the ID of the call with a key that the INVITE of a number, of those of
// this node, began.
func begunBy(key string, number uint32) ID {
	return ID(key + string(binary.BigEndian.AppendUint32(make([]byte, 0, 4), number)))
}

// parts returns what begunBy was given.
func (id ID) parts() (key string, number uint32) {
	at := len(id) - 4
	for i := range 4 {
		number = number<<8 | uint32(id[at+i])
	}
	return string(id[:at]), number
}

// IsOf reports whether id is of a call of this node with a Call-ID and a caller's tag.
func (id ID) IsOf(callID, tag string) bool {
	if !isOwn(id) {
		return false
	}
	key, _ := id.parts()
	return key == keyOf(callID, tag)
}

// change is [live.Calls.Change] of what an INVITE began, if nothing has begun anew since.
func (t *Tracker) change(id ID, f func(*live.Call)) {
	key, number := id.parts()
	t.calls.Change(key, func(c *live.Call) {
		if c.Number == number {
			f(c)
		}
	})
}

// A Party is who calls or is called.
type Party struct {
	Number  string // or what a stranger wrote
	Name    string // to display
	IsUser  bool
	Private bool // who it is is not for others
}

// Invited notes that the call from one to the other begins with the given INVITE
// and returns the ID by which the call is known from then on. It is false, and the
// ID zero, when this very call is known already: the INVITE was forked on its way
// to us (RFC 3261 section 8.2.2.2).
func (t *Tracker) Invited(invite *message.Message, from, to Party) (id ID, isNew bool) {
	cseq, _ := invite.CSeq()
	number := t.invites.Add(1)
	id = begunBy(idOf(invite, invite.FromTag()), number)
	key, _ := id.parts()
	x := live.Call{
		ID: key, CallID: key[:len(invite.CallID())], CSeq: cseq, Number: number, // not the INVITE's, whose text it would keep
		From: strings.Clone(from.Number), FromName: strings.Clone(from.Name), To: to.Number, ToName: to.Name, Private: from.Private,
		State: live.Ringing, Node: t.node, Since: time.Now(),
	}
	old, added := t.calls.Add(x)
	switch {
	case added:
	case old.CSeq == x.CSeq && old.To == to.Number:
		return "", false
	default:
		t.calls.EndIf(key, t.over)
		t.calls.Put(x)
	}
	if from.IsUser {
		t.change(id, t.begins)
	}
	return id, true
}

// Invites notes that the given INVITE of another node, which has the call in its
// table, goes on to a phone of a user of this one.
func (t *Tracker) Invites(invite *message.Message, user string) ID {
	key := guestMark + idOf(invite, invite.FromTag())
	t.guests.Add(live.Call{ID: key, State: live.Ringing, To: user})
	return ID(key + userMark + user)
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

// Answered notes that the call is up: a phone of user, who is empty when he is none
// of ours, has answered with a tag. Its session lasts so long unless it is refreshed;
// 0 is without end. A further answer of that phone only begins the session anew.
func (t *Tracker) Answered(id ID, session time.Duration, user, tag string) {
	now := time.Now()
	if strings.HasPrefix(string(id), guestMark) {
		key, guest, _ := strings.Cut(string(id), userMark)
		c := live.Call{ID: key, State: live.Up, To: guest} // another branch may have ended
		lasts(&c, cmp.Or(session, longestGuest), now)
		t.guests.Put(c)
		return
	}
	t.change(id, func(c *live.Call) {
		if c.State != live.Up {
			c.State, c.Since = live.Up, now
		}
		lasts(c, session, now)
		t.confirm(c, user, tag)
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
		t.calls.Change(id, func(c *live.Call) {
			was := c.Session
			if refresh(session)(c); c.Session != was && c.Key != "" {
				t.lamps.Tell(c)
			}
		})
		t.guests.Change(guestMark+id, refresh(cmp.Or(session, longestGuest)))
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
		if _, ok := t.calls.Get(id); ok {
			return true
		}
		if _, ok := t.guests.Get(guestMark + id); ok {
			return true
		}
	}
	return false
}

// IsUp reports whether the call of this node with a Call-ID and a caller's tag has been
// answered, and is not over.
func (t *Tracker) IsUp(callID, tag string) bool {
	c, ok := t.calls.Get(keyOf(callID, tag))
	return ok && c.State == live.Up
}

func lasts(c *live.Call, session time.Duration, now time.Time) {
	c.Expires, c.Session = time.Time{}, session
	if session > 0 {
		c.Expires = now.Add(session)
	}
}

// Ended notes that the call is over. It may be called more than once.
func (t *Tracker) Ended(id ID) {
	switch {
	case id == "":
	case isOwn(id):
		key, number := id.parts()
		t.calls.EndIf(key, func(c *live.Call) bool { return c.Number == number && t.over(c) })
	default:
		key, _, _ := strings.Cut(string(id), userMark)
		if c, _ := t.guests.Get(key); c.State == live.Ringing { // else another branch was answered
			t.guests.Delete(key)
		}
	}
}

// Failed is Ended for a call that nobody was reached by.
func (t *Tracker) Failed(id ID) {
	if !isOwn(id) {
		t.Ended(id)
		return
	}
	key, number := id.parts()
	t.calls.End(key, live.Failed, func(c *live.Call) bool { return c.Number == number && t.over(c) })
}

// HungUp notes that somebody takes down the call to which an in-dialog request
// belongs: its lamps are dark from now on. When two phones have answered, that is
// the end with one. The call is over when EndedBy or UnheardBy says so.
func (t *Tracker) HungUp(request *message.Message) {
	for _, tags := range ways(request) {
		if t.calls.Change(idOf(request, tags[0]), func(c *live.Call) { t.leaves(c, tags[1]) }) {
			return
		}
	}
}

// EndedBy notes the end of the call to which an in-dialog request belongs,
// whichever side sent it.
func (t *Tracker) EndedBy(request *message.Message) {
	for _, tags := range ways(request) {
		id := idOf(request, tags[0])
		if t.calls.EndIf(id, func(c *live.Call) bool { return t.leaves(c, tags[1]) }) {
			return
		}
		if t.guests.EndIf(guestMark+id, func(*live.Call) bool { return true }) {
			t.lamps.Over(request.CallID(), tags[0], tags[1])
		}
	}
}

// UnheardBy is EndedBy for a request that did not reach the other side.
func (t *Tracker) UnheardBy(request *message.Message) {
	for _, tags := range ways(request) {
		if t.calls.End(idOf(request, tags[0]), live.Unheard, func(c *live.Call) bool { return t.leaves(c, tags[1]) }) {
			return
		}
	}
	t.EndedBy(request)
}

// ways are the two that an in-dialog request may go: from the caller, whose tag
// comes first, or to him.
func ways(request *message.Message) [2][2]string {
	from, to := request.FromTag(), request.ToTag()
	return [2][2]string{{from, to}, {to, from}}
}

func idOf(m *message.Message, tag string) string { return keyOf(m.CallID(), tag) }

func keyOf(callID, tag string) string { return callID + "\x00" + tag }
