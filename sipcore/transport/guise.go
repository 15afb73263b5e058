package transport

import (
	"errors"
	"time"
)

// This file is what a connection's messages go through between the flow and the
// wire: WebSocket frames, TLS, both, or nothing.

// push sends one message.
func (c *conn) push(b []byte) error {
	if c.web == nil {
		return c.pushRaw(b)
	}
	return c.pushRaw(appendMessage(make([]byte, 0, len(b)+maxHeader), b))
}

// pushRaw sends bytes that are framed already.
func (c *conn) pushRaw(b []byte) error {
	if c.secure != nil {
		return c.secure.push(b)
	}
	return c.out.send(b)
}

// pull reads from the connection's descriptor like read(2).
func (c *conn) pull(fd int, room []byte) (int, error) {
	if c.web != nil {
		c.web.pings.Store(0)
	}
	if c.secure != nil {
		return c.secure.pull(fd, room)
	}
	return readNow(fd, room)
}

// farewell says to the peer that the flow ends here, in the words of what it
// speaks. Only the first time counts.
func (c *conn) farewell() {
	if c.web != nil && !c.web.left.Swap(true) {
		_ = c.pushRaw(closing(closeAway)) // who does not hear it loses nothing
	}
	if c.secure != nil {
		c.secure.farewell()
	}
}

// lost is what to do when the framing is: why is answered, and the flow ends.
func (c *conn) lost(why error) error {
	frame, ok := errors.AsType[*frameError](why)
	if !ok {
		c.layer.unframed(c.flow(), c.in.pending(), why)
		return errFraming
	}
	if !c.web.left.Swap(true) {
		_ = c.pushRaw(closing(frame.code)) // as above
	}
	if frame.code == closeNormal {
		return ErrClosed
	}
	c.layer.count.traffic[c.kind].malformed.Add(1)
	return errFraming
}

// half reports whether something has begun that has not ended.
func (c *conn) half() bool {
	return len(c.in.pending()) > 0 || c.web != nil && c.web.in.half() || c.secure != nil && c.secure.half()
}

// kept is what the peer has the guises hold.
func (c *conn) kept() int {
	n := 0
	if c.web != nil {
		n += c.web.in.kept()
	}
	if c.secure != nil {
		n += c.secure.kept()
	}
	return n
}

// watchRecord is called before a wait: it keeps the time of a TLS record of which
// nothing could be read yet.
func (c *conn) watchRecord() {
	if c.secure == nil {
		return
	}
	switch half := c.secure.half(); {
	case half && !c.awaiting:
		c.secure.timed = true
		c.await()
	case !half && c.secure.timed:
		c.secure.timed = false
		if c.awaiting && !c.half() {
			c.awaiting = false
			c.out.readBy(time.Time{})
		}
	}
}
