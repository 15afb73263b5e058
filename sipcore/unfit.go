package sipcore

import (
	"context"
	"time"
)

// secondLook is how long behind a change requests of before it may still register.
const secondLook = judgeTime + time.Second

// Recheck has the bindings of this node looked at: those whose network or transport
// is not allowed any more end. That happens by itself when the View has changed.
func (s *Server) Recheck() {
	select {
	case s.unfit <- struct{}{}:
	default:
	}
}

// dropUnfit ends bindings that fit no more, until ctx ends. Who loses his may come
// back for a while without being taken for a stranger: his calls go on.
func (s *Server) dropUnfit(ctx context.Context) error {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.unfit:
			again = time.After(secondLook)
		case <-again:
			again = nil
		}
		s.registrar.DropUnfit(s.o.Store.View(), s.defence.spare)
	}
}
