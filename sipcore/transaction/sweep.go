package transaction

import (
	"sync"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// comeBack is how long a client whose connection closed while its INVITE rings
// has to repeat it on another.
const comeBack = 2 * time.Second

// A sweep looks for transactions whose flow is gone. That they are not listed by
// flow keeps the path of a request short; many flows that close at once, as
// when a line breaks, make one sweep.
type sweep struct {
	layer *Layer

	mu    sync.Mutex
	timer Timer
}

// order asks for a sweep soon: within two ticks, and a microsecond more for
// each transaction there is.
func (s *sweep) order() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.timer.Armed() {
		pause := time.Duration(s.layer.clients.len()+s.layer.servers.len()) * time.Microsecond
		s.timer.Set(s.layer.o.Wheel, pause, s)
	}
}

// Expire implements Expirer.
func (s *sweep) Expire(*Timer) {
	s.mu.Lock()
	counts := s.timer.Expired()
	s.mu.Unlock()
	if !counts {
		return
	}
	for _, c := range s.layer.clients.collect(cutOff) {
		c.lost()
	}
	for _, tx := range s.layer.servers.collect(isInvite) {
		tx.lost()
	}
}

func isInvite(tx *Server) bool { return tx.method == message.INVITE }

// cutOff reports whether no response can reach c by its own flow.
func cutOff(c *Client) bool { return c.flow.Kind().Reliable() && !c.flow.IsOpen() }

// lost begins to wait for a client that has lost its connection.
func (tx *Server) lost() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.isCutOff() && !tx.timer.Armed() {
		tx.timer.Set(tx.layer.o.Wheel, comeBack, (*serverTimer)(tx))
	}
}

// abandoned cancels an INVITE whose client has not come back.
func (tx *Server) abandoned() {
	if tx.isCutOff() {
		tx.canceled = true
		tx.contained(func() { tx.layer.user.Cancel(tx, nil) })
	}
}

// isCutOff reports whether nobody can hear or cancel what rings.
func (tx *Server) isCutOff() bool {
	return tx.state == proceeding && !tx.canceled && tx.flow.Kind().Reliable() && !tx.flow.IsOpen()
}

// Invites returns the server transactions of all INVITEs, those with a final
// response too. None is locked.
func (l *Layer) Invites() []*Server { return l.servers.collect(isInvite) }

func (c *Client) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Pending() {
		c.fail(transport.ErrClosed)
	}
}
