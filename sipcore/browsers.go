package sipcore

import (
	"context"
	"time"

	"carillon/store"
)

// knockAgain is when a port for browsers is tried again that could not be had.
const knockAgain = 10 * time.Second

// letBrowsersIn follows which web pages may connect by the configuration, until
// ctx ends.
func (s *Server) letBrowsersIn(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	stop := s.o.Store.Watch(func(*store.View) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	said := ""
	for {
		var again <-chan time.Time
		if err := s.transport.Browsers(s.o.Store.View().Origins()); err != nil { //nolint:contextcheck // binding a port does not wait
			if err.Error() != said {
				s.o.Logger.Warn("telephones in web pages cannot connect: stop the other program that has the port, "+
					"or take their origins out of the configuration", "error", err)
			}
			said, again = err.Error(), time.After(knockAgain)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again:
		}
	}
}
