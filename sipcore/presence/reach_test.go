package presence

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/transport"
	"carillon/store/live"
)

// TestWhoHangsUpIsCalledOnce: a phone, or whoever its Contact names, that takes our
// connections and closes them is not called again and again.
func TestWhoHangsUpIsCalledOnce(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
	}{{"before it is told", 0}, {"while it is told", time.Millisecond}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				p := r.phone(transport.TCP, "192.0.2.7:5060")
				p.subscribes("")
				p.settles()
				var calls atomic.Int32
				r.connect = func(string) (transport.Flow, error) {
					if calls.Add(1) > 10 { // or a loop would never end where no time passes
						return transport.Flow{}, errors.New("enough")
					}
					f := transport.Memory(transport.TCP, us, netip.MustParseAddrPort("192.0.2.7:5060"), func([]byte, netip.AddrPort) error { return nil })
					if tt.after == 0 {
						f.Close()
						return f, nil
					}
					go func() { time.Sleep(tt.after); f.Close(); r.layer.Closed(f) }()
					return f, nil
				}
				p.flow.Close()
				r.layer.Closed(p.flow)
				r.lamp(live.Early)
				for range 60 { // so that a loop ends in this test
					time.Sleep(time.Second)
					if calls.Load() > 10 {
						break
					}
				}
				synctest.Wait()
				if n := calls.Load(); n != 1 {
					t.Errorf("it was called %d times in a minute, want 1", n)
				}
				r.close()
			})
		})
	}
}
