package transaction

import "carillon/sipcore/message"

// heardInvite is RFC 3261 figure 5 with RFC 6026 section 7.2, seen from the
// network.
func (c *Client) heardInvite(m *message.Message) {
	status := m.Status()
	switch {
	case c.state == completed:
		c.heardAgain(status)
	case c.state == accepted && !isSuccess(status):
		c.layer.count.absorbed.Add(1)
	case c.state == accepted:
		c.user.Response(c, m)
	case status < 200:
		c.progress(m)
	case isSuccess(status):
		c.accept(m)
	default:
		c.refused(m)
	}
}

// heardAgain repeats the ACK for a repeated final response. A 2xx after another
// final response is the error of somebody else.
func (c *Client) heardAgain(status int) {
	c.layer.count.absorbed.Add(1)
	if status < 300 {
		return
	}
	c.layer.count.retransmitted.Add(1)
	_ = c.flow.Send(c.raw) // lost, it is asked for again
}

// progress enters Proceeding. The first provisional response ends timers A and
// B, and lets a CANCEL go that was asked for before (RFC 3261 section 9.1).
// What rings may ring for long: the request is cut down to its outline.
func (c *Client) progress(m *message.Message) {
	if c.state == calling {
		c.state = proceeding
		c.timer.Stop()
		if c.stop != nil {
			c.sendCancel()
		}
	}
	if m.Status() > 100 && !c.outlined {
		c.keep(outline(c.raw))
		c.outlined = true
	}
	c.user.Response(c, m)
}

// accept enters Accepted: timer M lets further 2xx pass.
func (c *Client) accept(m *message.Message) {
	c.keep(nil)
	c.state, c.stop = accepted, nil
	c.timer.Set(c.layer.o.Wheel, 64*c.layer.o.T1, (*clientTimer)(c))
	c.user.Response(c, m)
}

// refused acknowledges a non-2xx. Timer D, as long as the server's timer H,
// acknowledges its repetitions.
func (c *Client) refused(m *message.Message) {
	to, _ := m.Header(message.To)
	ack := derived{method: "ACK", to: to}.from(c.raw)
	_ = c.flow.Send(ack) // lost, it is asked for again; a closed flow asks no more
	c.finish(ack, 64*c.layer.o.T1).Response(c, m)
}
