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
// not heard.
func (c *conn) stall() {
	for c.kind != Node && c.layer.deaf.is(c.remote.Addr(), c.in.pending()) && c.open() {
		time.Sleep(listenAgain)
	}
}
