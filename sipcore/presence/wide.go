package presence

import (
	"context"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

const (
	// mostDatagram is how large a NOTIFY may be that goes by UDP although there may be
	// another way (RFC 3261 section 18.1.1).
	mostDatagram = 1300
	// wideTime is how long a phone may take to accept a connection for what is larger: it
	// waits for a lamp, and most do not listen.
	wideTime = 500 * time.Millisecond
)

// widen looks for a connection to a phone that is to be told more than a datagram should
// carry. It is false if there is no way but UDP; else what was made of the NOTIFY counts
// for nothing. s is busy, and stays so.
func (n *Notifier) widen(ctx context.Context, s *subscription, x *notice) bool {
	if x.flow.Kind() != transport.UDP || n.o.Connect == nil || !isDirect(x) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.narrow || s.gone || s.route != "" {
		return false
	}
	select {
	case n.dials <- struct{}{}:
	default:
		return false
	}
	s.number--
	s.owed = s.owed || x.full
	s.notTellingLocked()
	n.dialing.Go(func() {
		defer func() { <-n.dials }()
		n.tryWide(ctx, s, x.target)
	})
	return true
}

// isDirect reports whether the phone's Contact is where its datagrams come from: one that
// is behind a translator cannot be called.
func isDirect(x *notice) bool {
	uri, err := message.ParseURI(x.target)
	if err != nil {
		return false
	}
	addr, ok := message.HostAddr(uri.Host)
	return ok && addr.Unmap() == x.flow.Remote().Addr()
}

func (n *Notifier) tryWide(ctx context.Context, s *subscription, target string) {
	ctx, cancel := context.WithTimeout(ctx, wideTime)
	defer cancel()
	flow, err := n.o.Connect(ctx, target, transport.TCP)
	n.mu.Lock()
	defer n.mu.Unlock()
	s.busy = false
	if err == nil && flow.Kind() != transport.UDP {
		n.count.dialled.Add(1)
		s.flow = flow
	} else {
		s.narrow = true
	}
	if !s.gone {
		n.dueLocked(s)
	}
}
