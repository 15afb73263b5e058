package address

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// lines are what was said.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// What is missing here is told once, in words that say what to do, and the node
// runs on; when no address is wanted any more, nothing is missing.
func TestTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wanted := netip.MustParsePrefix("198.51.100.7/32") // no machine has another address there
		var none atomic.Bool
		var said lines
		h := New(Options{
			Wanted: func() netip.Prefix {
				if none.Load() {
					return netip.Prefix{}
				}
				return wanted
			},
			Taken: func(netip.Addr) error { return nil }, Given: func(netip.Addr) {},
			Say: said.add,
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		time.Sleep(5 * rest)
		const why = "no interface of this machine is in 198.51.100.7/32"
		if s := h.State(); s != (State{Address: wanted, Trouble: why}) || said.count() != 1 || !strings.Contains(said.all[0], why) {
			t.Errorf("got %+v, and said %q", s, said.all)
		}
		h.trouble(wanted, fmt.Errorf("listening on eth0: %w", os.NewSyscallError("socket", unix.EPERM)))
		if s := h.State(); !strings.Contains(s.Trouble, "setcap cap_net_admin,cap_net_raw") || said.count() != 2 {
			t.Errorf("without permission: got %+v, and said %q", s, said.all)
		}
		none.Store(true)
		time.Sleep(2 * rest)
		if s := h.State(); s != (State{}) {
			t.Errorf("when none is wanted: got %+v", s)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
