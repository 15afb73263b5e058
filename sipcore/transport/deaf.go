package transport

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// deaf is to whom the layer behaves as if the line between were cut; nil: to
// nobody. Other nodes are not meant: their connections are carried by somebody else.
type deaf struct {
	to atomic.Pointer[func(peer netip.Addr, came []byte) bool]
}

// Deafen has the layer behave as if the line to some addresses were cut: what they
// send is not heard, or stays in the kernel, and what is sent to them is lost. nil
// ends it. to is called for each message, with what has come of it, or with nothing
// for one that is to be sent.
func (l *Layer) Deafen(to func(peer netip.Addr, came []byte) bool) {
	if to == nil {
		l.deaf.to.Store(nil)
		return
	}
	l.deaf.to.Store(&to)
}

func (d *deaf) is(peer netip.Addr, came []byte) bool {
	to := d.to.Load()
	return to != nil && (*to)(peer, came)
}

// listenAgain is how often a connection that is not heard looks whether it is.
const listenAgain = 100 * time.Millisecond

// stall keeps the reader of a connection from what has come as long as its peer is
// not heard. It shows what comes meanwhile too, up to the size of one message: what
// is to be heard may stand behind what is not. Of a browser, whose messages are in
// frames, each is heard or lost by itself: see [conn.hears].
func (c *conn) stall() {
	if c.kind == Node || c.web != nil || !c.layer.deaf.is(c.remote.Addr(), c.in.pending()) {
		return
	}
	for c.open() && c.layer.deaf.is(c.remote.Addr(), c.in.pending()) {
		c.out.readBy(time.Now().Add(listenAgain))
		if len(c.in.pending()) >= c.in.limit || c.fill() != nil { // its end comes again
			time.Sleep(listenAgain)
		}
	}
	c.awaiting = false // whoever was late was not to blame
	c.out.readBy(time.Time{})
}

// hears reports whether a whole message is heard.
func (c *conn) hears(raw []byte) bool {
	return c.web == nil || !c.layer.deaf.is(c.remote.Addr(), raw)
}
