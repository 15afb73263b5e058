package session

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"carillon/cluster/replica"
)

// A stream is one namespace on its way over one connection. What to send is
// found by where the far end stands: there is no queue, so a key that changes
// twice before its turn travels once.
type stream struct {
	replica *replica.Replica
	wish    replica.Wish   // what the far end wants of it
	id      uint64         // 0 until it was named to the far end
	sent    replica.Cursor // what the far end has, as far as we know
	held    replica.Cursor // what it said that it has, and those that hear it from there
	marked  bool           // is in conn.marked
	offer   bool           // say how far we are
	level   bool           // sent is just what the far end has, if it has taken all that was said on this connection
	claimed bool           // sent is what the far end says that it has, and its check is to show
	long    bool           // a batch was full before it had all of this
	served  time.Time      // when some of this was last in a batch
	since   time.Time      // when it was marked
}

func (c *conn) streamLocked(r *replica.Replica) *stream {
	st := c.streams[r]
	if st == nil {
		st = &stream{replica: r, wish: c.far.wish(r)}
		c.streams[r] = st
	}
	return st
}

// markLocked has the writer look at r.
func (c *conn) markLocked(r *replica.Replica) {
	st := c.streamLocked(r)
	if !st.marked {
		st.marked, st.since = true, time.Now()
		c.fresh = c.fresh || !st.long
		c.marked = append(c.marked, st)
	}
	wake(c.work)
}

// offerLocked says to the far end how far r has come, and takes for granted
// that it has all that unless it answers.
func (c *conn) offerLocked(r *replica.Replica) {
	if !c.s.sendsLocked(c, r) || r.Cursor().Inc == 0 {
		return
	}
	st := c.streamLocked(r)
	st.sent, st.offer, st.level, st.claimed = r.Cursor(), true, false, false
	c.markLocked(r)
}

// sendMarkedLocked appends the deltas that are due, in their order, until buf is as
// long as the limit says, and reports whether there are more.
func (c *conn) sendMarkedLocked(buf []byte, limit limit) (_ []byte, more bool) {
	slices.SortFunc(c.marked, c.compareTurnsLocked)
	now := time.Now()
	for i, st := range c.marked {
		most := limit.fresh
		if st.long {
			most = limit.long
		}
		for due := true; due; {
			if len(buf) >= most {
				c.marked = slices.Delete(c.marked, 0, i)
				return buf, true
			}
			buf, due = c.sendOneLocked(buf, st, most)
			st.long, st.served = due, now
		}
		st.marked = false
	}
	clear(c.marked)
	c.marked = c.marked[:0]
	return buf, false
}

// Of what does not fit into one batch, each turnOfTheRest-th goes on with what has
// waited longest instead of what is most urgent.
const turnOfTheRest = 4

// compareTurnsLocked orders what is due: what one batch was too small for comes
// after all else, so that nobody waits for the end of a whole copy; then the more
// urgent first; and of equals, who was not served for longer.
func (c *conn) compareTurnsLocked(a, b *stream) int {
	urgency := cmp.Compare(c.s.urgency(a.replica.Channel()), c.s.urgency(b.replica.Channel()))
	switch {
	case a.long != b.long && a.long:
		return 1
	case a.long != b.long:
		return -1
	case a.long && c.restsTurnLocked():
		urgency = 0
	}
	return cmp.Or(urgency, a.served.Compare(b.served),
		cmp.Compare(a.replica.Owner(), b.replica.Owner()), cmp.Compare(a.replica.Channel(), b.replica.Channel()))
}

func (c *conn) restsTurnLocked() bool { return c.full%turnOfTheRest == turnOfTheRest-1 }

// classOf is what a channel is called but for whom it is meant: what stands before
// a slash.
func classOf(channel string) string {
	class, _, _ := strings.Cut(channel, "/")
	return class
}

func (s *Sessions) urgency(channel string) int {
	if i := slices.Index(s.o.Priority, classOf(channel)); i >= 0 {
		return i
	}
	return len(s.o.Priority)
}

// sendOneLocked appends the next delta of a stream, until buf has limit bytes, and
// reports whether the stream has another.
func (c *conn) sendOneLocked(buf []byte, st *stream, limit int) (_ []byte, more bool) {
	if !c.s.sendsLocked(c, st.replica) {
		st.offer = false
		return buf, false
	}
	d, ok := st.lacks(int(float64(limit-len(buf)) / c.ratio))
	if st.isIdle(&d, ok) {
		return buf, false
	}
	before := len(buf)
	if !ok {
		d = st.replica.Offer()
		buf = c.appendWhole(buf, st, &d)
	} else {
		buf = c.appendFitting(buf, st, &d, limit)
	}
	c.peer.count(&c.peer.out, st.replica.Channel(), len(buf)-before)
	c.batched = true
	return buf, d.More()
}

// appendFitting appends what the far end lacks. If that turns out to be too long, as
// nothing urgent may wait behind it, it takes less of it, which d is then.
func (c *conn) appendFitting(buf []byte, st *stream, d *replica.Delta, limit int) []byte {
	was, lastID := *st, c.lastID
	for {
		longer := c.appendNews(buf, st, d)
		c.learnRatioLocked(d, len(longer)-len(buf))
		if len(longer) <= limit || len(d.Entries) < 2 {
			return longer
		}
		*st, c.lastID = was, lastID
		*d, _ = st.lacks(d.Size() / 2)
	}
}

// appendNews appends what the far end lacks: no more than that, when it is sure
// what it has, or says so itself.
func (c *conn) appendNews(buf []byte, st *stream, d *replica.Delta) []byte {
	next, ok := []byte(nil), false
	if (st.level || st.claimed) && c.version >= 2 {
		next, ok = st.replica.AppendNext(nil, d, st.sent)
	}
	switch {
	case !ok:
		buf = c.appendWhole(buf, st, d)
	case st.level:
		buf = appendNext(buf, st.id, next)
	default:
		buf = appendSince(c.nameLocked(buf, st), st.id, st.sent, d.Check, next)
	}
	if st.wish.Epoch != 0 {
		st.claimed = false // its check has been told
	}
	st.sent, st.offer, st.level = d.Next(), false, st.level || !d.More()
	return buf
}

// appendWhole appends a delta that anybody understands, of a namespace that has a
// number then.
func (c *conn) appendWhole(buf []byte, st *stream, d *replica.Delta) []byte {
	st.offer = false
	if c.version < 2 {
		d.Check = 0 // it does not know that there is one
	}
	return appendDelta(c.nameLocked(buf, st), st.id, d)
}

// nameLocked gives a namespace a number that the far end knows.
func (c *conn) nameLocked(buf []byte, st *stream) []byte {
	if st.id != 0 {
		return buf
	}
	c.lastID++
	st.id = c.lastID
	return appendName(buf, st.id, st.replica.Owner(), st.replica.Channel())
}

// learnRatioLocked learns how much smaller entries get on their way: what fits into
// a batch is chosen before.
func (c *conn) learnRatioLocked(d *replica.Delta, encoded int) {
	const least = 0.05
	if size := d.Size(); size > 0 {
		c.ratio = max((3*c.ratio+float64(encoded)/float64(size))/4, least)
	}
}
