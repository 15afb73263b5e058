package session

import "time"

// write sends what is due until the reader has ended. A batch leaves at once
// when the line was idle, else not before the last one is batchDelay old, and
// when the budget has room for it.
func (c *conn) write() {
	ok := c.put(appendFrame(nil, frameHello, c.firstIndex([]byte{protocolVersion})))
	last, rest := time.Time{}, false
	for ok && c.await(last, rest) {
		last, rest, ok = c.flush(last)
	}
	if !ok {
		c.end()
	}
}

// await waits until it is time to send; false when the connection has ended. rest
// says that something was left over.
func (c *conn) await(last time.Time, rest bool) bool {
	if !rest {
		select {
		case <-c.work:
		case <-c.rush:
			return true
		case <-c.done:
			return false
		}
	}
	for wait := c.pause(last, rest); wait > 0; wait = c.pause(last, rest) {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.work: // there may be something more urgent now
		case <-c.rush:
			timer.Stop()
			return true
		case <-c.done:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
	return true
}

// flush writes a batch of what is due. It returns when deltas were last written,
// whether something is left over, and whether the connection still stands.
func (c *conn) flush(last time.Time) (_ time.Time, rest, ok bool) {
	c.s.wrap(c)
	leave := c.limit()
	buf, rest, batched := c.fill(leave)
	if !c.send(buf, leave.fresh) {
		return last, rest, false
	}
	if batched {
		last = time.Now()
	}
	return last, rest, true
}

// send writes all of buf: at once as much as there was leave for when it was filled,
// even if the far end has used that meanwhile, and the rest in pieces.
func (c *conn) send(buf []byte, leave int) bool {
	for len(buf) > 0 {
		if leave <= 0 {
			leave = c.leave(len(buf))
		}
		n := min(leave, len(buf))
		if n == 0 || !c.put(buf[:n]) {
			return false
		}
		buf, leave = buf[n:], 0
	}
	return true
}

func (c *conn) put(buf []byte) bool {
	_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := c.net.Write(buf)
	return err == nil
}

// fill returns what is due, about as much of it as the limit says: who has what, which
// does not count, then changes, then the configuration.
func (c *conn) fill(limit limit) (buf []byte, rest, batched bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.mustSubscribe {
		c.mustSubscribe = false
		sub := c.s.subscriptionLocked(c)
		if c.s.o.FeedTo != nil && sub.scope == scopeAll {
			sub.feed, sub.index = true, c.s.config
			if c.wantsWhole {
				sub.index, c.wantsWhole = 0, false
			}
		}
		buf = appendSubscription(c.appendInterestLocked(buf), sub)
	}
	for _, id := range c.asks {
		buf = appendCursor(buf, id, c.asked[id])
	}
	c.asks = c.asks[:0]
	buf, c.claims = append(c.appendHeldLocked(buf), c.claims...), nil
	buf = c.appendIndexLocked(buf)
	c.peer.count(&c.peer.out, classSession, len(buf))
	c.batched = false
	buf, rest = c.sendRestLocked(buf, limit)
	c.fresh = c.fresh && limit.fresh <= 0
	if c.full++; !rest {
		c.full = 0
	}
	return buf, rest, c.batched
}

// sendRestLocked appends changes and the configuration, which comes last but for
// when it is the turn of those who come last: then it leaves half for what is new.
func (c *conn) sendRestLocked(buf []byte, limit limit) (_ []byte, rest bool) {
	switch {
	case !c.restsTurnLocked():
	case c.fresh:
		buf, _ = c.sendFeedLocked(buf, limit.long/2)
	default:
		buf, _ = c.sendFeedLocked(buf, limit.long)
	}
	if buf, rest = c.sendMarkedLocked(buf, limit); rest {
		return buf, true
	}
	return c.sendFeedLocked(buf, limit.long)
}

func (c *conn) sendFeedLocked(buf []byte, limit int) (_ []byte, rest bool) {
	before := len(buf)
	buf, rest = c.feed.append(buf, limit)
	c.peer.count(&c.peer.out, classFeed, len(buf)-before)
	return buf, rest
}
