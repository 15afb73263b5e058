package session

import (
	"context"
	"net/netip"
	"time"
)

// The monitor says hello when no packet went to the far end for helloQuiet,
// whoever sent it, and now and then anyway. When nothing came for longer it asks,
// each helloSilent, and who hears it answers: eight questions before lineDead, so
// that a line which loses a fifth of them is not called dead. A line is down when
// nothing came for lineDead, when the far end says that of us, and when no session
// stood for that long. Nor does a session stand of which the far end knows nothing.
const (
	helloQuiet   = 5 * time.Second
	helloAnyway  = 30 * time.Second
	helloSilence = 5500 * time.Millisecond
	helloSilent  = 300 * time.Millisecond
	helloDown    = time.Second
	helloResign  = 30 * time.Second // a line that is down for that long hears helloQuiet again
	lineDead     = 8 * time.Second

	monitorGrain = 20 * time.Millisecond
	standstill   = time.Second / 2 // of this node: what came meanwhile waits in its sockets
)

type packet struct {
	node    string
	at      netip.AddrPort
	payload []byte
}

// monitor runs until ctx ends.
func (s *Sessions) monitor(ctx context.Context) {
	collected := time.Now()
	for ctx.Err() == nil {
		s.listen()
		now := time.Now()
		packets, next := s.look(now)
		for _, x := range packets {
			_ = s.o.Port.SendPacket(PacketClass, x.node, x.at, x.payload) // what is lost is sent again
		}
		if now.Sub(collected) >= memoryGrain {
			collected = now
			s.mu.Lock()
			s.collectLocked(now)
			s.mu.Unlock()
		}
		timer := time.NewTimer(max(next.Sub(now), monitorGrain))
		select {
		case <-timer.C:
		case <-s.watch:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// listen takes note of packets that are not ours, which prove as much as hellos.
func (s *Sessions) listen() {
	s.mu.Lock()
	all := s.order
	s.mu.Unlock()
	for _, p := range all {
		said, heard := s.o.Port.Talked(p.Node)
		if at := int64(heard.Sub(s.base)); !heard.IsZero() && at > p.heard.Load() {
			p.heard.Store(at)
		}
		s.mu.Lock()
		p.said = said
		s.mu.Unlock()
	}
}

// look takes down the lines that are dead, and returns the hellos that are due
// and when to look again.
func (s *Sessions) look(now time.Time) (packets []packet, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.excuseLocked(now)
	defer func() { s.awake = next }()
	next = earliest(s.passRumoursLocked(now), s.reconsiderLocked(now))
	for _, p := range s.order {
		if p.up && s.silentLocked(p, now) {
			s.downLocked(p, now, "nothing heard")
		}
		if !now.Before(s.helloDue(p)) {
			packets = append(packets, s.helloLocked(p, now))
		}
		next = earliest(next, s.helloDue(p))
		if p.up {
			next = earliest(next, s.deadAt(p))
		}
	}
	return packets, next
}

// excuseLocked does not count as silence of others the time in which this node
// itself stood still: a machine that is moved, copied or short of processors is
// no reason to call its lines dead.
func (s *Sessions) excuseLocked(now time.Time) {
	late := now.Sub(s.awake)
	if s.awake.IsZero() || late < standstill {
		return
	}
	s.log.Warn("this node stood still", "for", late.Round(time.Millisecond))
	for _, p := range s.order {
		if heard := p.heard.Load(); heard != 0 {
			p.heard.Store(min(heard+int64(late), int64(now.Sub(s.base))))
		}
		p.lost = earliest(p.lost.Add(late), now)
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// lastHeard returns when anything came from p; the zero time for never.
func (s *Sessions) lastHeard(p *peer) time.Time {
	if at := p.heard.Load(); at != 0 {
		return s.base.Add(time.Duration(at))
	}
	return time.Time{}
}

func (s *Sessions) deadAt(p *peer) time.Time {
	at := s.lastHeard(p).Add(lineDead)
	if p.conn == nil {
		at = earliest(at, p.lost.Add(lineDead))
	}
	return at
}

func (s *Sessions) silentLocked(p *peer, now time.Time) bool { return !now.Before(s.deadAt(p)) }

// helloDue returns when the next hello is to leave. Two lifeguards say nothing
// to each other beside a session.
func (s *Sessions) helloDue(p *peer) time.Time {
	if s.isSpare(p) && !p.up {
		return time.Now().Add(memory)
	}
	quiet := p.helloSent.Add(helloQuiet)
	if p.said.After(p.helloSent) && p.conn != nil { // else what a hello says, no other packet does
		quiet = earliest(p.said.Add(helloQuiet), p.helloSent.Add(helloAnyway))
	}
	heard := s.lastHeard(p)
	if !p.up && time.Since(heard) >= helloResign {
		return quiet
	}
	silent, pace := heard.Add(helloSilence), helloSilent
	if !p.up {
		pace = helloDown
	}
	if again := p.helloSent.Add(pace); again.After(silent) {
		silent = again
	}
	return earliest(quiet, silent)
}

func (s *Sessions) helloLocked(p *peer, now time.Time) packet {
	h := hello{stamp: s.stamp(now), heard: -time.Millisecond, echo: p.stamp, held: -time.Millisecond, alone: p.conn == nil}
	if s.o.Feed != nil && p.role() != roleMain && !p.conn.knowsIndexes() {
		h.index = s.config
	}
	if heard := s.lastHeard(p); !heard.IsZero() {
		h.heard = now.Sub(heard)
	}
	if held := now.Sub(p.stampAt); held < helloResign {
		h.held = held
	}
	p.helloSent = now
	payload := h.encode()
	p.count(&p.out, classHello, len(payload))
	return packet{p.Node, p.Address, payload}
}

func (s *Sessions) stamp(now time.Time) uint16 {
	return uint16(now.Sub(s.base).Milliseconds()) //nolint:gosec // modulo 2^16
}

// hear takes a hello.
func (s *Sessions) hear(from string, _ netip.AddrPort, payload []byte) {
	h, ok := parseHello(payload)
	if !ok {
		return
	}
	answer, due := s.heardLocked(from, h, len(payload))
	if due {
		_ = s.o.Port.SendPacket(PacketClass, answer.node, answer.at, answer.payload) // what is lost is sent again
	}
}

func (s *Sessions) heardLocked(from string, h hello, size int) (answer packet, due bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[from]
	if p == nil || s.running == nil {
		return answer, false
	}
	p.heard.Store(int64(now.Sub(s.base)))
	p.count(&p.in, classHello, size)
	p.stamp, p.stampAt = h.stamp, now
	if h.index > 0 && h.index != p.config && !p.conn.knowsIndexes() {
		p.config = h.index
		wake(s.watch)
	}
	if h.held >= 0 {
		back := time.Duration(s.stamp(now)-h.echo) * time.Millisecond
		p.rtt = max(back-h.held, 0)
	}
	if p.up && h.heard >= lineDead && now.Sub(p.since) > h.heard {
		s.downLocked(p, now, "the far end hears nothing")
	}
	if h.alone && p.conn != nil && now.Sub(p.joined) >= lineDead {
		p.conn.end() // it has none, and said so when the line was cut: this one would stand until something is written
	}
	asked := h.heard < 0 || h.heard >= helloSilence
	if asked && now.Sub(p.helloSent) >= helloSilent/3 {
		return s.helloLocked(p, now), true
	}
	return answer, false
}

// downLocked takes a line down, and its connection with it.
func (s *Sessions) downLocked(p *peer, now time.Time, why string) {
	s.log.Warn("a line is down", "node", p.Node, "reason", why)
	if p.conn != nil {
		p.conn.end()
		s.leaveLocked(p)
		s.choosePrimaryLocked()
	}
	s.turnLocked(p, false, now)
}

func (s *Sessions) turnLocked(p *peer, up bool, now time.Time) {
	p.up, p.since = up, now
	if up {
		s.log.Info("a line is up", "node", p.Node)
	}
	s.changed = append(s.changed, p)
	wake(s.news)
}
