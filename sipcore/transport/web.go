package transport

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

const (
	// pingEvery is how often a browser is pinged: proxies on the way close what
	// is quiet for a minute, and pages cannot ping by themselves.
	pingEvery = 25 * time.Second
	// maxUnanswered is how many pings in a row may be.
	maxUnanswered = 2
)

// A web is the WebSocket of one connection.
type web struct {
	in    frames       // the reader's
	left  atomic.Bool  // we have said that it ends
	pings atomic.Int32 // in a row that nothing has answered
}

// closing is the frame that ends a WebSocket.
func closing(code uint16) []byte {
	return appendFrame(nil, opClose, binary.BigEndian.AppendUint16(nil, code))
}

// ping asks the peer whether it is there. One that has not said anything since
// the last pings is not.
func (c *conn) ping() {
	if c.web.pings.Add(1) > maxUnanswered {
		c.layer.count.unanswered.Add(1)
		c.abort()
		return
	}
	_ = c.pushRaw(appendFrame(nil, opPing, nil)) // a flow that has ended needs none
}

// pingBrowsers pings every WebSocket once each pingEvery, a shard of the table
// at a time.
func (l *Layer) pingBrowsers() {
	tick := time.NewTicker(l.opts.PingEvery / shards)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
			for _, c := range l.conns.webs(i % shards) {
				c.ping()
			}
		case <-l.alive.Done():
			return
		}
	}
}
