package transaction

import (
	"sync"
	"time"

	"carillon/sipcore/transport"
)

// A sweep looks for clients whose flow is gone. That clients are not listed by
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
		pause := time.Duration(s.layer.clients.len()) * time.Microsecond
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
}

// cutOff reports whether no response can reach c by its own flow.
func cutOff(c *Client) bool { return c.flow.Kind().Reliable() && !c.flow.IsOpen() }

func (c *Client) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Pending() {
		c.fail(transport.ErrClosed)
	}
}
