package dialog

import (
	"slices"
	"strings"

	"carillon/store/live"
)

// This file keeps the sides of a call, and what lamps show of them. All of it runs
// with the lock of the call held: so the rows of one call change one after the other.

// mostTold bounds what other nodes are told of the names of a call.
const mostTold = 1024

// mostSides bounds whom a call lights lamps of.
const mostSides = 64

// begins adds the side of a caller who is a user.
func (t *Tracker) begins(c *live.Call) {
	c.Sides = append(make([]*live.Side, 0, 2), &live.Side{Dialog: live.Dialog{
		User: c.From, Call: c.ID, Node: t.node, CallID: c.CallID, LocalTag: c.ID[len(c.CallID)+1:],
		Direction: live.Initiator, Remote: live.Identity{Display: c.ToName, URI: c.To}, Since: c.Since,
	}})
	to := c.Sides[0].Dialog
	to.State = live.Trying
	t.set(c, 0, to)
	t.tell(c)
}

// Rang notes that a phone of user, who is empty when he is none of ours, rings and
// has said so with a tag. Each Rang is taken back by one Stopped, or by the end of
// the call.
func (t *Tracker) Rang(id ID, user, tag string) {
	if !isOwn(id) {
		return
	}
	t.change(id, func(c *live.Call) {
		i := t.sideOf(c, user)
		if i < 0 || c.State == live.Up || c.Sides[i].Left {
			return
		}
		s := c.Sides[i]
		s.Phones++
		if s.State != live.Terminated {
			return
		}
		to := s.Dialog
		to.State, to.LocalTag = live.Early, strings.Clone(tag)
		t.set(c, i, to)
		if caller := callerOf(c); caller != nil && caller.State == live.Trying {
			x := caller.Dialog
			x.State, x.RemoteTag = live.Early, to.LocalTag
			t.set(c, 0, x)
		}
		t.tell(c)
	})
}

// Stopped notes that a phone of user does not ring any more.
func (t *Tracker) Stopped(id ID, user string) {
	if !isOwn(id) {
		return
	}
	t.change(id, func(c *live.Call) {
		i := find(c, user)
		if i < 0 {
			return
		}
		s := c.Sides[i]
		if s.Phones = max(s.Phones-1, 0); s.Phones == 0 && s.State == live.Early {
			to := s.Dialog
			to.State = live.Terminated
			t.set(c, i, to)
			t.tell(c)
		}
	})
}

// Canceled notes that the caller has hung up before anybody answered: no lamp is
// lit for that any more, but by an answer that was on its way.
func (t *Tracker) Canceled(id ID) {
	if !isOwn(id) {
		return
	}
	t.change(id, func(c *live.Call) {
		if c.State != live.Up {
			t.darken(c)
		}
	})
}

// confirm has the lamps show that a phone of user has answered: those of the others
// whose phones rang go out.
func (t *Tracker) confirm(c *live.Call, user, tag string) {
	answered, news := t.sideOf(c, user), false
	for i := range c.Sides {
		to := c.Sides[i].Dialog
		switch {
		case c.Sides[i].Left:
		case i == answered && to.State == live.Confirmed && to.LocalTag != tag:
			late(c.Sides[i], tag)
		case i == answered:
			to.State, to.LocalTag, to.Since = live.Confirmed, keep(to.LocalTag, tag), c.Since
		case to.State == live.Confirmed:
		case to.Direction == live.Initiator:
			to.State, to.RemoteTag, to.Since = live.Confirmed, keep(to.RemoteTag, tag), c.Since
		default:
			to.State = live.Terminated
		}
		c.Sides[i].Phones = 0
		news = t.set(c, i, to) || news
	}
	if news {
		t.tell(c)
	}
}

// late notes that one more phone has answered.
func late(s *live.Side, tag string) {
	if s.Others == nil {
		s.Others = new(live.Answers)
	}
	if o := s.Others; len(o.Late)+len(o.Done) < mostSides && !slices.Contains(o.Late, tag) && !slices.Contains(o.Done, tag) {
		o.Late = append(o.Late, strings.Clone(tag))
	}
}

// keep returns is, without keeping the message alive that it is a part of.
func keep(was, is string) string {
	if was == is {
		return was
	}
	return strings.Clone(is)
}

// leaves takes the side with a tag out of a call, and reports whether the call is
// over with that. It is unless somebody else has answered as well. A tag that nobody has
// is that of a phone which was late, maybe for another call with the same Call-ID, and is
// nothing. No later answer lights who has left.
func (t *Tracker) leaves(c *live.Call, tag string) (over bool) {
	if t.leavesToAnother(c, tag) {
		return false
	}
	others, gone := 0, -1
	for i := range c.Sides {
		switch s := c.Sides[i]; {
		case s.Direction == live.Initiator:
		case s.LocalTag == tag:
			gone = i
		case s.State == live.Confirmed:
			others++
		}
	}
	if gone < 0 && (others > 0 || c.State != live.Up) {
		return false
	}
	if others == 0 {
		for i := range c.Sides {
			c.Sides[i].Left = true
		}
		return t.over(c)
	}
	if gone >= 0 {
		c.Sides[gone].Left = true
		to := c.Sides[gone].Dialog
		to.State = live.Terminated
		if t.set(c, gone, to) {
			t.tell(c)
		}
	}
	return false
}

// leavesToAnother takes one phone of a user out of a call in which another one of his
// goes on; false if it is not so.
func (t *Tracker) leavesToAnother(c *live.Call, tag string) bool {
	for i := range c.Sides {
		s, o := c.Sides[i], c.Sides[i].Others
		if o == nil {
			continue
		}
		at := slices.Index(o.Late, tag)
		switch {
		case slices.Contains(o.Done, tag):
			return true
		case len(o.Late) == 0 || at < 0 && s.LocalTag != tag:
			continue
		case at < 0:
			at = 0
			to := s.Dialog
			to.LocalTag = o.Late[0]
			if t.set(c, i, to) {
				t.tell(c)
			}
		}
		o.Late, o.Done = slices.Delete(o.Late, at, at+1), append(o.Done, strings.Clone(tag))
		return true
	}
	return false
}

// over puts out all lamps of a call that is over.
func (t *Tracker) over(c *live.Call) bool {
	t.darken(c)
	return true
}

// darken puts out all lamps of a call.
func (t *Tracker) darken(c *live.Call) {
	news := false
	for i := range c.Sides {
		to := c.Sides[i].Dialog
		to.State = live.Terminated
		news = t.set(c, i, to) || news
	}
	if news {
		t.tell(c)
	}
}

// sideOf returns where in c.Sides that of a callee is, who is added if there is
// room; else it is negative.
func (t *Tracker) sideOf(c *live.Call, user string) int {
	if i := find(c, user); i >= 0 {
		return i
	}
	if len(c.Sides) == mostSides {
		return -1
	}
	c.Sides = append(c.Sides, &live.Side{Dialog: live.Dialog{
		User: user, Call: c.ID, Node: t.node, CallID: c.CallID, RemoteTag: c.ID[len(c.CallID)+1:],
		Direction: live.Recipient, Remote: live.Identity{Display: c.FromName, URI: c.From}, Private: c.Private, Since: c.Since,
		ByUser: len(c.Sides) > 0 && c.Sides[0].Direction == live.Initiator,
	}})
	return len(c.Sides) - 1
}

func find(c *live.Call, user string) int {
	for i := range c.Sides {
		if s := c.Sides[i]; s.User == user && s.Direction == live.Recipient {
			return i
		}
	}
	return -1
}

func callerOf(c *live.Call) *live.Side {
	if len(c.Sides) == 0 || c.Sides[0].Direction != live.Initiator {
		return nil
	}
	return c.Sides[0]
}

// set makes a side what it is now, and a lamp show it. It is false when that is
// nothing new.
func (t *Tracker) set(c *live.Call, i int, to live.Dialog) (news bool) {
	s := c.Sides[i]
	if s.Dialog == to {
		return false
	}
	t.lamps.Set(s, to)
	return true
}

// tell has other nodes told what a call is now: nothing of one that lights no lamp.
func (t *Tracker) tell(c *live.Call) {
	switch {
	case mayBeTold(c):
		t.news.add(c.ID)
	case c.Key != "":
		t.lamps.TellOver(c)
	}
}

// mayBeTold reports whether a call lights a lamp, and is one that a phone made: no phone
// makes a Call-ID of a kilobyte, and thin lines carry all of it.
func mayBeTold(c *live.Call) bool {
	lit, size := false, len(c.ID)
	for i := range c.Sides {
		lit = lit || c.Sides[i].IsShown()
		size += len(c.Sides[i].LocalTag)
	}
	return lit && size <= mostTold
}

// isOwn reports whether the call is in this node's table.
func isOwn(id ID) bool { return id != "" && !strings.HasPrefix(string(id), guestMark) }
