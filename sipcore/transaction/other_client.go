package transaction

import "carillon/sipcore/message"

// heardOther is RFC 3261 figure 6 seen from the network. Timer K, over UDP only,
// absorbs repeated final responses.
func (c *Client) heardOther(m *message.Message) {
	switch {
	case c.state == completed:
		c.layer.count.absorbed.Add(1)
	case m.Status() < 200:
		c.state = proceeding
		if c.repeat.interval > 0 {
			c.repeat.interval = c.layer.o.T2 // from the next retransmission on
		}
		c.user.Response(c, m)
	default:
		c.finish(nil, c.layer.o.T4).Response(c, m)
	}
}
