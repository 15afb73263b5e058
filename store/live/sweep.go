package live

import (
	"context"
	"time"
)

// sweep has a table look for what has ended, until ctx ends, and returns its error.
func sweep(ctx context.Context, expire func(now time.Time)) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			expire(now)
		}
	}
}
