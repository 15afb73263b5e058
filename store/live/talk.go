package live

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A call travels as one value for each site, with the sides of its users: who calls, who
// rings, who has answered. Where no site is known it is one for all.

// The flags of a talk.
const (
	talkOfUser  = 1 << iota // the side of the caller, who is a user, is told
	talkPrivate             // who calls is not for others
	talkByUser              // the caller is a user, whether or not his side is told
)

const (
	mostSides      = 64  // of a call
	longestPart    = 255 // of what names somebody
	longestRinging = 4 * time.Minute
	longestUp      = 30 * time.Minute // of a call whose phones keep no session timer, once its node is silent
)

var errTalk = errors.New("malformed call")

// appendTalk appends what other nodes are told about c, as far as tells wants it of its
// users. What stays the same while the call lasts comes last: only what differs travels.
func (c *Call) appendTalk(dst []byte, tells func(user string) bool) []byte {
	dst = append(dst, codecVersion)
	dst = binary.AppendUvarint(dst, uint64(max(c.Since.Unix(), 0)))
	dst = binary.AppendUvarint(dst, uint64(c.lasts()/time.Second)) //nolint:gosec // not negative
	flags, caller, byUser := byte(0), Dialog{}, false
	called := make([]*Side, 0, 4)
	for i, s := range c.Sides {
		switch {
		case !s.IsShown() || !tells(s.User):
		case i == 0 && s.Direction == Initiator:
			flags, caller = talkOfUser, s.Dialog
		case len(called) < mostSides:
			called = append(called, s)
			byUser = byUser || s.ByUser
		}
	}
	if byUser {
		flags |= talkByUser
	}
	if c.Private {
		flags |= talkPrivate
	}
	dst = append(dst, flags, byte(caller.State), byte(len(called))) //nolint:gosec // no more than mostSides
	for _, s := range called {
		dst = append(dst, byte(s.State))
		dst = appendText(dst, s.User)
		dst = appendText(dst, s.LocalTag)
	}
	dst = appendText(dst, caller.RemoteTag)
	dst = appendText(appendText(dst, c.CallID), c.ID[min(len(c.CallID)+1, len(c.ID)):])
	for _, text := range [...]string{c.From, c.FromName, c.To, c.ToName} {
		dst = appendText(dst, nameOf(text))
	}
	return dst
}

// nameOf returns as much of what names somebody as other nodes read.
func nameOf(s string) string {
	if isNames(s) {
		return s
	}
	at := min(len(s), longestPart)
	for at > 0 && at < len(s) && !utf8.RuneStart(s[at]) {
		at--
	}
	return strings.ToValidUTF8(s[:at], "")
}

// lasts is how long c may be believed to go on without a word of its node.
func (c *Call) lasts() time.Duration {
	switch {
	case c.State != Up:
		return longestRinging
	case c.Session <= 0:
		return longestUp
	}
	return min(c.Session, math.MaxInt32*time.Second)
}

// parseTalk reads what appendTalk has written, of a call of node.
func parseTalk(node, value string) (talk, error) {
	r := reader{data: value}
	r.version()
	since := time.Unix(int64(r.number(math.MaxUint32)), 0)        //nolint:gosec // bounded
	lasts := time.Duration(r.number(math.MaxInt32)) * time.Second //nolint:gosec // bounded
	flags, caller, n := r.byte(), DialogState(r.byte()), r.number(mostSides)
	called := make([]Dialog, 0, 2)
	for ; n > 0 && !r.bad; n-- {
		called = append(called, Dialog{State: DialogState(r.byte()), User: r.text(), LocalTag: r.text(), Direction: Recipient})
	}
	remoteTag := r.text()
	callID, tag, from, fromName, to, toName := r.text(), r.text(), r.text(), r.text(), r.text(), r.text()
	if r.bad || !isNames(from, fromName, to, toName) {
		return talk{}, errTalk
	}
	call, private := callID+"\x00"+tag, flags&talkPrivate != 0
	var sides []Side
	if flags&talkOfUser != 0 && caller != Terminated && from != "" {
		sides = append(sides, Side{Dialog: Dialog{
			User: from, Call: call, CallID: callID, LocalTag: tag, RemoteTag: remoteTag, Remote: Identity{toName, to},
			Node: node, Since: since, Direction: Initiator, State: min(caller, Confirmed),
		}})
	}
	for _, x := range called {
		if !isNames(x.User) {
			return talk{}, errTalk
		}
		x.State = min(x.State, Confirmed) // what a later version has more of is a call
		if x.State == Terminated || x.User == "" || slices.ContainsFunc(sides, func(y Side) bool { return y.User == x.User && y.Direction == Recipient }) {
			continue
		}
		x.Call, x.CallID, x.RemoteTag, x.Remote = call, callID, tag, Identity{fromName, from}
		x.Node, x.Since, x.Private, x.ByUser = node, since, private, flags&talkByUser != 0
		sides = append(sides, Side{Dialog: x})
	}
	known := Call{ID: call, CallID: callID, From: from, To: to, State: Ringing, Node: node, Since: since}
	if slices.ContainsFunc(sides, func(x Side) bool { return x.State == Confirmed }) {
		known.State = Up
	}
	return talk{call: known, sides: sides, lasts: lasts}, nil
}

func isNames(texts ...string) bool {
	for _, s := range texts {
		if len(s) > longestPart || !utf8.ValidString(s) {
			return false
		}
	}
	return true
}
