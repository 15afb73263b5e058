package session

import "time"

// write sends what is due until the reader has ended. A batch leaves at once
// when the line was idle, else not before the last one is batchDelay old.
func (c *conn) write() {
	last := time.Time{}
	for due := c.send(appendFrame(nil, frameHello, []byte{protocolVersion})); due; due = c.await(last) {
		if !c.flush(&last) {
			c.end()
			return
		}
	}
}

// await waits until it is time to send; false when the connection has ended.
func (c *conn) await(last time.Time) bool {
	select {
	case <-c.work:
	case <-c.rush:
		return true
	case <-c.done:
		return false
	}
	wait := time.Until(last.Add(batchDelay))
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.rush:
	case <-c.done:
		return false
	}
	return true
}

// flush writes until there is nothing left, and notes in last when deltas were
// among it.
func (c *conn) flush(last *time.Time) bool {
	for more := true; more; {
		c.s.wrap(c)
		var buf []byte
		var batched bool
		buf, more, batched = c.fill()
		if len(buf) > 0 && !c.send(buf) {
			return false
		}
		if batched {
			*last = time.Now()
		}
	}
	return true
}

func (c *conn) send(buf []byte) bool {
	_ = c.net.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := c.net.Write(buf)
	return err == nil
}

// fill returns what is due, about fullBatch of it: who has what, then changes,
// then the configuration.
func (c *conn) fill() (buf []byte, more, batched bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.mustSubscribe {
		c.mustSubscribe = false
		sub := c.s.subscriptionLocked(c)
		if c.s.o.FeedTo != nil && sub.scope == scopeAll {
			sub.feed, sub.index = true, c.s.config
		}
		buf = appendSubscription(buf, sub)
	}
	for _, id := range c.asks {
		buf = appendCursor(buf, id, c.asked[id])
	}
	c.asks = c.asks[:0]
	c.peer.count(&c.peer.out, classSession, len(buf))
	c.batched = false
	if buf, more = c.sendMarkedLocked(buf); more {
		return buf, true, c.batched
	}
	before := len(buf)
	buf, more = c.feed.append(buf)
	c.peer.count(&c.peer.out, classFeed, len(buf)-before)
	return buf, more, c.batched
}
