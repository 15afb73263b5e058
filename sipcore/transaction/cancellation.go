package transaction

import "carillon/sipcore/message"

// A cancellation is the CANCEL of a client transaction: a non-INVITE client
// transaction of its own to RFC 3261 section 9.1, but it shares branch, end and
// timer with its INVITE and so is a part of it.
type cancellation struct {
	reason string
	sent   []byte
}

// Cancel takes an INVITE back, with the value of a Reason header field (RFC
// 3326) or "". Nothing is sent before a provisional response has come, nor
// after a final one: a 2xx that is on its way is passed on like any other. If no
// final response comes within 64*T1 of the CANCEL, the INVITE fails with
// ErrTimeout. A second Cancel does nothing, nor does that of another method.
func (c *Client) Cancel(reason string) {
	if c.method != message.INVITE || c.stop != nil || !c.Pending() {
		return
	}
	c.stop = &cancellation{reason: reason}
	if c.state == proceeding {
		c.sendCancel()
	}
}

// sendCancel sends the CANCEL. From now on the timer repeats it, over UDP, and
// ends the wait for the INVITE's final response.
func (c *Client) sendCancel() {
	c.stop.sent = derived{method: "CANCEL", reason: c.stop.reason}.from(c.raw)
	_ = c.flow.Send(c.stop.sent) // a flow that is gone fails the INVITE anyway
	c.repeat.start(c.layer, &c.timer, c.flow.Kind().Reliable(), (*clientTimer)(c))
}

// cancelAnswered stops repeating the CANCEL. What the answer is does not
// matter: the INVITE's own final response decides.
func (c *Client) cancelAnswered(m *message.Message) {
	if c.stop == nil || c.stop.sent == nil || m.Status() < 200 {
		return
	}
	c.stop.sent = nil
	c.repeat.interval = 0
	c.repeat.arm(c.layer, &c.timer, (*clientTimer)(c))
}
