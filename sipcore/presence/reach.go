package presence

import (
	"context"
	"time"

	"carillon/sipcore/transport"
)

// dialTime is how long a phone may take to accept a connection, names included.
const dialTime = 5 * time.Second

// finds looks for another flow that is open already.
func (n *Notifier) finds(s *subscription, flow *transport.Flow) bool {
	if n.o.Find == nil {
		return false
	}
	n.mu.Lock()
	target := s.target
	n.mu.Unlock()
	found, ok := n.o.Find(s.watcher, *flow, target)
	if ok {
		*flow = found
	}
	return ok
}

// reach opens a connection to a phone that has none, once: one that does not accept it
// is told when it comes back. Nobody is called to hear that it is over, but for who is to
// subscribe elsewhere while this node goes on. s is busy.
func (n *Notifier) reach(ctx context.Context, s *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case s.ending != "" && (s.ending != deactivated || n.closed || s.refused):
		s.lostLocked()
		return
	case s.refused || n.o.Connect == nil || !s.flow.Kind().Dials():
		s.waitsLocked()
		return
	}
	select {
	case n.dials <- struct{}{}:
	default:
		s.waitsLocked()
		return
	}
	uri, kind := s.target, s.flow.Kind()
	if s.route != "" {
		uri = s.route
	}
	n.dialing.Go(func() {
		defer func() { <-n.dials }()
		n.connect(ctx, s, uri, kind)
	})
}

// waitsLocked looks again in a while whether the phone has come back.
func (s *subscription) waitsLocked() {
	s.busy, s.owed = false, true
	s.laterLocked(tryAgain)
}

func (n *Notifier) connect(ctx context.Context, s *subscription, uri string, kind transport.Kind) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	flow, err := n.o.Connect(ctx, uri, kind)
	n.mu.Lock()
	defer n.mu.Unlock()
	s.busy = false
	switch {
	case s.gone:
	case s.flow.IsOpen(): // it has subscribed anew meanwhile
		n.dueLocked(s)
	case err != nil:
		n.o.Logger.Debug("a watcher is not reached", "watcher", s.watcher, "error", err)
		s.refused = true
		s.waitsLocked()
	default:
		n.count.dialled.Add(1)
		s.flow, s.refused = flow, true // once: who closes it again is not called again
		s.owed = true
		n.dueLocked(s)
	}
}
