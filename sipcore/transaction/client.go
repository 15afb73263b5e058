package transaction

import (
	"sync"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// A ClientUser is told what becomes of a request, with the Client locked. It
// must not wait. Exactly one of these comes last: a final response (for an
// INVITE: the last of its 2xx), or Failed.
type ClientUser interface {
	// Response gets each provisional response, 100 included, one non-2xx final
	// response to an INVITE, which the layer has acknowledged, each 2xx to an
	// INVITE for 64*T1, retransmissions included, and one final response to
	// anything else. Our own Via is still on top of m.
	Response(c *Client, m *message.Message)

	// Failed says that no final response will come: ErrTimeout, or why the
	// request could not be sent, or transport.ErrClosed.
	Failed(c *Client, err error)
}

// A Client is a client transaction (RFC 3261 section 17.1). Unless they say
// otherwise its methods need its lock, which the callbacks of a [ClientUser]
// come with.
type Client struct {
	mu       *sync.Mutex // own, or the Server's
	own      sync.Mutex
	server   *Server // that it serves, or nil
	layer    *Layer
	key      key
	flow     transport.Flow
	branch   string
	user     ClientUser
	raw      []byte // the request; its outline once no retransmission can come; the ACK in Completed
	timer    Timer
	repeat   backoff // timers A and B, or E and F
	stop     *cancellation
	err      error // sending failed, Failed is about to be called
	method   message.Method
	state    state
	outlined bool
}

// Start sends a request as a new client transaction. branch, from [NewBranch],
// is that of raw's top Via, which stands on a line of its own. raw, best written
// into a [Layer.Room], belongs to the transaction from then on. ACK and CANCEL have no transactions to start;
// see [Client.Cancel].
//
// With s, whose lock must be held, the Client shares its lock. Without, it has
// its own, and u may be called before Start returns. Failed is never called by
// Start itself: also a request that cannot be sent fails later, by the wheel.
func (l *Layer) Start(s *Server, f transport.Flow, method message.Method, branch string, raw []byte, u ClientUser) *Client {
	c := &Client{
		server: s, layer: l, flow: f, branch: branch, user: u, raw: raw, method: method, state: calling,
		key: l.keys.client(branch, method),
	}
	if s != nil {
		c.mu = &s.mu
	} else {
		c.mu = &c.own
		c.Lock()
		defer c.Unlock()
	}
	l.clients.add(c.key, kindOf(method), c)
	if c.err = f.Send(raw); c.err != nil {
		c.timer.Set(l.o.Wheel, 0, (*clientTimer)(c))
		return c
	}
	c.repeat.start(l, &c.timer, f.Kind().Reliable(), (*clientTimer)(c))
	return c
}

// Lock locks c, and with it the Server that it was started for.
func (c *Client) Lock() { c.mu.Lock() }

// Unlock undoes Lock.
func (c *Client) Unlock() { c.mu.Unlock() }

// Flow returns the flow that the request was sent on. It needs no lock.
func (c *Client) Flow() transport.Flow { return c.flow }

// Branch returns the branch of the request. It needs no lock.
func (c *Client) Branch() string { return c.branch }

// Method returns the method of the request. It needs no lock.
func (c *Client) Method() message.Method { return c.method }

// Pending reports whether neither a final response nor a failure has come.
func (c *Client) Pending() bool { return c.state == calling || c.state == proceeding }

// response takes a response. A late answer to a CANCEL concerns nobody.
func (l *Layer) response(f transport.Flow, m *message.Message) {
	via, ok := m.TopVia()
	if !ok {
		return
	}
	c := l.clients.find(l.keys.client(via.Branch, m.Method()))
	if c != nil && c.heard(m) {
		return
	}
	l.count.strays.Add(1)
	if m.Method() != message.CANCEL {
		l.user.Stray(f, m)
	}
}

// heard takes a response that matches; false if the transaction has ended
// meanwhile.
func (c *Client) heard(m *message.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == ended:
		return false
	case c.err != nil: // it fails in a moment
	case m.Method() == message.CANCEL:
		c.cancelAnswered(m)
	case c.method == message.INVITE:
		c.contained(func() { c.heardInvite(m) })
	default:
		c.contained(func() { c.heardOther(m) })
	}
	return true
}

// fail ends the transaction without a final response.
func (c *Client) fail(err error) {
	u := c.user
	c.end()
	c.contained(func() { u.Failed(c, err) })
}

// keep forgets the request, but for what may still be needed of it.
func (c *Client) keep(raw []byte) {
	c.layer.Free(c.raw)
	c.raw = raw
}

// finish enters Completed, or, over a reliable transport, ends the transaction
// at once. It keeps what is to be repeated and returns the user to tell.
func (c *Client) finish(again []byte, wait time.Duration) ClientUser {
	u := c.user
	if c.flow.Kind().Reliable() {
		c.end()
		return u
	}
	c.keep(again)
	c.state, c.user, c.stop = completed, nil, nil
	c.timer.Set(c.layer.o.Wheel, wait, (*clientTimer)(c))
	return u
}

// end makes the transaction leave its table and the wheel.
func (c *Client) end() {
	if c.state == ended {
		return
	}
	c.state = ended
	c.timer.Stop()
	c.layer.clients.remove(c.key, kindOf(c.method), c)
	c.keep(nil)
	c.user, c.stop, c.err = nil, nil, nil
}

// sendAgain repeats what is unanswered: the request, or the CANCEL after it.
func (c *Client) sendAgain() {
	l := c.layer
	b, limit := c.raw, l.o.T2
	switch {
	case c.method != message.INVITE:
	case c.state == proceeding:
		b = c.stop.sent
	default:
		limit = 0
	}
	if err := c.flow.Send(b); err != nil {
		c.fail(err)
		return
	}
	l.count.retransmitted.Add(1)
	c.repeat.again(l, &c.timer, limit, (*clientTimer)(c))
}

// clientTimer is a Client as its timer sees it.
type clientTimer Client

// Expire implements Expirer: timers A, B, D, E, F, K and M.
func (t *clientTimer) Expire(*Timer) {
	c := (*Client)(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.timer.Expired():
	case c.err != nil:
		c.fail(c.err)
	case !c.Pending():
		c.end()
	case c.repeat.over(c.layer):
		c.layer.count.timeouts.Add(1)
		c.fail(ErrTimeout)
	default:
		c.sendAgain()
	}
}
