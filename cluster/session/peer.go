package session

import (
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

const (
	redial      = 2 * time.Second
	redialLeast = 30 * time.Second // between lifeguards: many of them may have no way to each other
	spreadDials = 20 * time.Millisecond
	dialTimeout = 1500 * time.Millisecond
)

// A peer is a node that we keep a session with, and what we know of the line to
// it. All but heard and pace is guarded by Sessions.mu.
type peer struct {
	Peer
	conn *conn  // the session, nil when there is none
	left *conn  // the last one, when there is none
	end  func() // ends dialling
	pace pace

	heard     atomic.Int64 // when anything came from it: nanoseconds since Sessions.base, 0 for never
	up        bool
	since     time.Time // of up, or of being down
	lost      time.Time // since when there is no session
	joined    time.Time // since when there is one
	helloSent time.Time
	said      time.Time // when any packet last went to it
	stamp     uint16    // of its last hello
	stampAt   time.Time
	rtt       time.Duration
	config    uint64            // the index of its configuration, as it said last; 0: unknown
	out, in   map[string]uint64 // payload bytes by class
}

// dials reports whether we open the connection to p: those who are no main dial
// the mains, else the smaller name dials.
func (s *Sessions) dials(p *peer) bool {
	if toMain := p.role() == roleMain; toMain != (s.o.Role == roleMain) {
		return toMain
	}
	return s.o.Node < p.Node
}

// isSpare reports whether p and we are both no mains, and have a session because
// these are gone.
func (s *Sessions) isSpare(p *peer) bool { return s.o.Role != roleMain && p.role() != roleMain }

// refresh reads the peers, starts what is new and ends what is gone.
func (s *Sessions) refresh(ctx context.Context) {
	list := s.o.Peers()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	peers := map[string]*peer{}
	var order []*peer
	for _, want := range list {
		if want.Node == s.o.Node || peers[want.Node] != nil {
			continue
		}
		p := s.peers[want.Node]
		if p == nil || p.role() != want.role() || p.Relay != want.Relay {
			p = s.newPeerLocked(ctx, want, now)
		}
		p.Address, p.Budget = want.Address, want.Budget
		p.pace.set(want.Budget, now)
		if p.Site != want.Site {
			p.Site = want.Site
			s.markAllLocked(p.conn)
		}
		peers[want.Node] = p
		order = append(order, p)
	}
	for _, p := range s.order {
		if peers[p.Node] != p {
			p.remove()
		}
	}
	s.peers, s.order = peers, order
	s.choosePrimaryLocked()
	wake(s.watch)
}

func (s *Sessions) newPeerLocked(ctx context.Context, want Peer, now time.Time) *peer {
	p := &peer{Peer: want, since: now, lost: now, end: func() {}, out: map[string]uint64{}, in: map[string]uint64{}}
	if s.dials(p) {
		dialing, cancel := context.WithCancel(ctx)
		p.end = cancel
		s.work.Go(func() { s.keepDialing(dialing, p) })
	}
	return p
}

// remove ends what p has going. A connection ends by itself once it is closed.
func (p *peer) remove() {
	p.end()
	if p.conn != nil {
		p.conn.end()
	}
}

func (s *Sessions) keepDialing(ctx context.Context, p *peer) {
	wait := redial
	if s.isSpare(p) { // hundreds may begin at the same moment
		s.mu.Lock()
		all := len(s.order)
		s.mu.Unlock()
		pause(ctx, time.Now().Add(rand.N(spreadDials*time.Duration(all+1)))) //nolint:gosec // spreads, hides nothing
	}
	for ctx.Err() == nil {
		next := time.Now().Add(wait)
		switch stood := s.dial(ctx, p); {
		case stood:
			wait = redial
		case s.isSpare(p):
			wait = min(2*wait, redialLeast)
		}
		pause(ctx, next)
	}
}

func pause(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// dial connects to p once, and serves the session to its end. It reports whether
// there was one.
func (s *Sessions) dial(ctx context.Context, p *peer) bool {
	s.mu.Lock()
	at := p.Address
	s.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	c, err := s.o.Port.Dial(limited, p.Node, at, Protocol)
	cancel()
	if err != nil {
		s.log.Debug("dialling a peer", "node", p.Node, "address", at, "error", err)
		return false
	}
	return s.serve(ctx, c, p)
}

// known returns the peer of that name. When there is none it reads the peers
// again: who dials us may have heard of itself before we did.
func (s *Sessions) known(node string) (context.Context, *peer) {
	s.mu.Lock()
	ctx, p := s.running, s.peers[node]
	s.mu.Unlock()
	if p != nil || ctx == nil {
		return ctx, p
	}
	s.refresh(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.peers[node]
}

// enter reports whether Run still runs, and if so has it wait for one more.
func (s *Sessions) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return false
	}
	s.work.Add(1)
	return true
}

// attach makes c, whose far end speaks a version of the protocol, the session with
// its peer; false if the peer is none any more.
func (s *Sessions) attach(c *conn, version byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, now := c.peer, time.Now()
	if s.running == nil || s.peers[p.Node] != p {
		return false
	}
	if p.conn != nil {
		p.conn.end()
		s.leaveLocked(p)
	}
	p.conn, p.left, p.joined, c.version = c, nil, now, min(version, protocolVersion)
	if c.wants = s.firstWant(p); c.wants != scopeNone {
		c.mustSubscribe = true
		c.hurry()
	}
	if !p.up {
		s.turnLocked(p, true, now)
	}
	s.choosePrimaryLocked()
	wake(s.watch)
	return true
}

// detach is called when c has ended.
func (s *Sessions) detach(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.peer.conn == c {
		s.leaveLocked(c.peer)
		s.choosePrimaryLocked()
		wake(s.watch)
	}
}

func (s *Sessions) leaveLocked(p *peer) {
	p.left, p.conn, p.lost = p.conn, nil, time.Now()
	if s.primary == p {
		s.primary = nil
	}
}

// A meter notes that bytes have come.
type meter struct {
	net.Conn
	heard func()
}

func (m meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if n > 0 {
		m.heard()
	}
	return n, err
}

func (p *peer) count(direction *map[string]uint64, class string, n int) {
	(*direction)[classOf(class)] += uint64(n) //nolint:gosec // not negative
}
