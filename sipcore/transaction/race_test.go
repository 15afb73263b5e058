package transaction

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// A street is callers, a layer with the least of proxies on it, and phones.
// Callers and phones are goroutines; many act at the same instant of a clock
// that synctest moves, as do the timers. What one end sends reaches the other
// through the layer at once.
type street struct {
	t     *bubble
	layer *Layer
	up    transport.Flow // to the callers
	down  transport.Flow // to the phones
	work  sync.WaitGroup

	mu    sync.Mutex
	calls map[string]*streetCall // by the caller's branch, and by ours
}

type streetCall struct {
	branch  string // the caller's
	tx      *Server
	client  *Client
	mu      sync.Mutex
	phone   int   // the status that the phone gave
	finals  []int // the statuses that reached the caller
	failure error
}

func moment() { time.Sleep(time.Duration(rand.IntN(6)) * 250 * time.Millisecond) }

func newStreet(t *bubble, k transport.Kind) *street {
	t.Helper()
	s := &street{t: t, calls: make(map[string]*streetCall)}
	s.layer = New(Options{Wheel: t.wheel}, s)
	s.up = transport.Memory(k, us, peer, s.toCaller)
	s.down = transport.Memory(k, us, peer, s.toPhone)
	return s
}

func (s *street) call(branch string) *streetCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[branch]
}

func (s *street) receive(f transport.Flow, x shape) { s.layer.Receive(f, x.message(s.t)) }

// The proxy.

func (s *street) Request(tx *Server) {
	via, _ := tx.Request().TopVia()
	c := s.call(via.Branch)
	if c.tx != nil {
		s.t.Error("one INVITE became two transactions")
	}
	c.tx = tx
	tx.SetData(c)
	branch := NewBranch()
	s.mu.Lock()
	s.calls[branch] = c
	s.mu.Unlock()
	c.client = s.layer.Start(tx, s.down, message.INVITE, branch, []byte(shape{method: "INVITE", branch: branch}.text()), c)
}

func (c *streetCall) Response(_ *Client, m *message.Message) {
	c.respond(m.Status())
}

func (c *streetCall) Failed(_ *Client, err error) {
	c.mu.Lock()
	c.failure = err
	c.mu.Unlock()
	c.respond(503)
}

func (c *streetCall) respond(status int) {
	c.tx.Respond(status, []byte(shape{method: "INVITE", branch: c.branch, status: status, toTag: "t1"}.text()))
}

func (s *street) Cancel(tx *Server, _ *message.Message)  { tx.Data().(*streetCall).client.Cancel("") }
func (s *street) Ack(transport.Flow, *message.Message)   {}
func (s *street) Broke(*Server)                          {}
func (s *street) Stray(transport.Flow, *message.Message) {}

// The caller: an INVITE, another copy of it and a CANCEL, at any moment.

func (s *street) dial(i int) {
	c := &streetCall{branch: fmt.Sprintf("z9hG4bKcaller%d", i)}
	s.mu.Lock()
	s.calls[c.branch] = c
	s.mu.Unlock()
	s.work.Go(func() {
		s.receive(s.up, shape{method: "INVITE", branch: c.branch})
		s.work.Go(func() { moment(); s.again(c) })
		moment()
		s.receive(s.up, shape{method: "CANCEL", branch: c.branch})
	})
}

// again repeats the INVITE if that is the transport's way.
func (s *street) again(c *streetCall) {
	if !s.up.Kind().Reliable() {
		s.receive(s.up, shape{method: "INVITE", branch: c.branch})
	}
}

func (s *street) toCaller(b []byte, _ netip.AddrPort) error {
	m, err := message.Parse(b)
	if err != nil || m.Method() != message.INVITE || m.Status() < 200 {
		return err
	}
	via, _ := m.TopVia()
	c, status := s.call(via.Branch), m.Status()
	c.mu.Lock()
	c.finals = append(c.finals, status)
	c.mu.Unlock()
	if status >= 300 {
		s.work.Go(func() { s.receive(s.up, shape{method: "ACK", branch: c.branch, toTag: "t1"}) })
	}
	return nil
}

// The phone: rings or not, then answers unless it was cancelled before.

func (s *street) toPhone(b []byte, _ netip.AddrPort) error {
	m, err := message.Parse(b)
	if err != nil {
		return err
	}
	via, _ := m.TopVia()
	switch m.Method() {
	case message.INVITE:
		s.work.Go(func() { s.ring(via.Branch) })
	case message.CANCEL:
		s.work.Go(func() {
			s.receive(s.down, shape{method: "CANCEL", branch: via.Branch, status: 200})
			s.answer(via.Branch, 487)
		})
	default: // an ACK
	}
	return nil
}

func (s *street) ring(branch string) {
	if rand.IntN(4) > 0 {
		s.receive(s.down, shape{method: "INVITE", branch: branch, status: 180, toTag: "t1"})
	}
	moment()
	s.answer(branch, 200)
}

// answer gives the phone's final response, the first one it thinks of, for ever.
func (s *street) answer(branch string, status int) {
	c := s.call(branch)
	c.mu.Lock()
	if c.phone == 0 {
		c.phone = status
	}
	status = c.phone
	c.mu.Unlock()
	s.receive(s.down, shape{method: "INVITE", branch: branch, status: status, toTag: "t1"})
}

// CANCEL against 200 against retransmissions: both sides agree on what became
// of each call, and nothing is left.
func TestCancelRaces(t *testing.T) {
	for _, k := range []transport.Kind{transport.UDP, transport.TCP} {
		t.Run(k.String(), func(t *testing.T) {
			inBubble(t, func(t *bubble) {
				s := newStreet(t, k)
				for i := range 2000 {
					s.dial(i)
				}
				s.over()
				count := make(map[int]int)
				for _, c := range s.calls {
					count[c.phone]++
					for _, status := range c.finals {
						if status != c.phone {
							t.Fatalf("the phone said %d, the caller heard %v (%v)", c.phone, c.finals, c.failure)
						}
					}
					if len(c.finals) == 0 {
						t.Fatalf("the phone said %d, the caller heard nothing", c.phone)
					}
				}
				if count[200] == 0 || count[487] == 0 {
					t.Errorf("outcomes %v, want some of each", count)
				}
			})
		})
	}
}

// Connections that close at any moment: each call ends, nothing is left.
func TestFlowCloses(t *testing.T) {
	for range 20 {
		inBubble(t, func(t *bubble) {
			s := newStreet(t, transport.TCP)
			for i := range 100 {
				s.dial(i)
			}
			s.work.Go(func() {
				moment()
				s.down.Close()
				s.layer.Closed(s.down)
			})
			s.over()
			for _, c := range s.calls {
				if len(c.finals) == 0 {
					t.Fatal("a caller heard nothing")
				}
			}
		})
	}
}

// over waits until all is over and checks that nothing is left.
func (s *street) over() {
	s.t.Helper()
	time.Sleep(2 * time.Minute)
	s.work.Wait()
	synctest.Wait()
	if n := s.layer.servers.len() + s.layer.clients.len() + s.t.wheel.Len(); n != 0 {
		s.t.Errorf("%d transactions and timers left: %+v", n, s.layer.Counters())
	}
}
