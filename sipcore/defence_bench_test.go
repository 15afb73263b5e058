package sipcore

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// BenchmarkDefence is what all of the defence costs one authenticated request of
// a phone that does nothing wrong: the gate, its password before and after, and
// the question whether the node is behind. Somebody else is banned.
func BenchmarkDefence(b *testing.B) {
	for _, c := range []struct {
		name    string
		sites   []store.Site
		guesses int // passwords of others that were wrong
	}{
		{"in a network of ours", []store.Site{{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}, 0},
		{"in a network of ours, while others guess", []store.Site{{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}, 20},
		{"anywhere", nil, 0},
		{"anywhere, while others guess", nil, 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			view := store.NewView(store.Config{Domain: "tel.test", Sites: c.sites})
			d := newDefence(&Options{Store: store.New(view), Bans: live.NewBans("laurel", nil), Logger: slog.New(slog.DiscardHandler)})
			s := &Server{defence: d}
			other := netip.MustParseAddr("198.51.100.1")
			d.bans.Put(other, time.Hour, 1, "wrong passwords", time.Now())
			for range c.guesses {
				d.guard.Wrong("202", other, time.Now())
			}
			var flows [1 << 14]transport.Flow
			for i := range flows {
				at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5060)
				flows[i] = transport.Memory(transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"), at, nil)
			}
			now := time.Now()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now = now.Add(20 * time.Microsecond)
				flow := flows[i%len(flows)]
				from := flow.Remote().Addr()
				if !d.Admits(flow, nil, now) || d.Wait("201", from, now) != 0 || s.load.Active() {
					b.Fatal("it is refused")
				}
				s.fresh.Add(1)
				d.Right("201", from, now)
			}
		})
	}
}
