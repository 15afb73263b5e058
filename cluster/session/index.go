package session

import "encoding/binary"

// A main says to those who are no mains how far its configuration is: with the first
// frame of a session, and each time that it has a later one. So they know when their primary does
// not give it to them, however many packets the line loses. One of a version before
// hears it from hellos.

// frameIndex has the index. Since version 5; who does not know it passes over it.
const frameIndex = 20

const indexVersion = 5

// saysIndexLocked reports whether the far end is to know how far we are.
func (c *conn) saysIndexLocked() bool { return c.s.o.Feed != nil && c.peer.role() != roleMain }

// knowsIndexes reports whether the far end of a session takes frameIndex, and says it.
func (c *conn) knowsIndexes() bool { return c != nil && c.version >= indexVersion }

// firstIndex appends what follows the version in the first frame.
func (c *conn) firstIndex(body []byte) []byte {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if !c.saysIndexLocked() {
		return body
	}
	c.saidIndex = c.s.config
	return binary.AppendUvarint(body, c.saidIndex)
}

func (c *conn) appendIndexLocked(buf []byte) []byte {
	if !c.saysIndexLocked() || !c.knowsIndexes() || c.saidIndex >= c.s.config {
		return buf
	}
	c.saidIndex = c.s.config
	return appendFrame(buf, frameIndex, binary.AppendUvarint(nil, c.saidIndex))
}

// takeIndex takes how far the far end is; no body says nothing of it.
func (c *conn) takeIndex(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	r := fields{data: body}
	index := r.number()
	if r.bad {
		return errFrame
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.peer.config = index
	wake(c.s.watch)
	return nil
}
