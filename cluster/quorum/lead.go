package quorum

import (
	"context"
	"sync"
)

// A lead says whether this node leads, and lets others wait for it.
type lead struct {
	state *leadState
}

type leadState struct {
	mu  sync.Mutex
	has chan struct{} // closed while this node leads
	end chan struct{} // closed when it never will again
}

func newLead() lead {
	return lead{&leadState{has: make(chan struct{}), end: make(chan struct{})}}
}

// set records that the node has come to lead, or leads no more.
func (l lead) set(leads bool) {
	l.state.mu.Lock()
	defer l.state.mu.Unlock()
	select {
	case <-l.state.has:
		if !leads {
			l.state.has = make(chan struct{})
		}
	default:
		if leads {
			close(l.state.has)
		}
	}
}

// wait returns when the node leads.
func (l lead) wait(ctx context.Context) error {
	l.state.mu.Lock()
	has := l.state.has
	l.state.mu.Unlock()
	select {
	case <-has:
		return nil
	case <-l.state.end:
		return ErrNotLeader
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watchLead follows what Raft says until Close. Raft waits for this reader.
func (q *Quorum) watchLead(leads <-chan bool) {
	defer close(q.lead.state.end)
	for {
		select {
		case <-q.stop:
			return
		case leading := <-leads:
			q.lead.set(leading)
		}
	}
}
