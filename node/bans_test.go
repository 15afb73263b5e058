package node

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/node/admin"
)

// nowhere is a namespace of a node that is alone.
type nowhere struct{}

func (nowhere) Set(string, []byte) {}
func (nowhere) Delete(string)      {}

// TestBansAreTold: in plain words, and an attack of thousands in a few lines.
func TestBansAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := admin.NewEvents("laurel")
		b := newBans("laurel", events)
		b.others = nowhere{}
		b.Put(netip.MustParseAddr("192.0.2.7"), 2*time.Minute, 1, "wrong passwords", time.Now())
		time.Sleep(2 * time.Minute)
		b.Expire(time.Now())
		time.Sleep(time.Minute)
		for i := range 100 {
			b.Put(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 24*time.Hour, 1, "wrong passwords", time.Now())
		}
		time.Sleep(time.Minute)
		b.Put(netip.MustParseAddr("2001:db8::1"), 8*time.Minute, 2, "wrong passwords", time.Now())
		var said []string
		all, _ := events.After(0)
		for _, e := range all {
			said = append(said, e.Kind+" "+e.Text)
		}
		if len(said) != 2+mostBanNews+2 {
			t.Fatalf("got %d lines:\n%s", len(said), strings.Join(said, "\n"))
		}
		for i, want := range map[int]string{
			0:  "ban 192.0.2.7 is banned by laurel for 2m: wrong passwords",
			1:  "ban 192.0.2.7 is no longer banned by laurel",
			2:  "ban 10.0.0.0 is banned by laurel for 24h: wrong passwords",
			22: "ban 80 more bans began or ended: carillon bans lists them",
			23: "ban 2001:db8::/64 is banned by laurel for 8m: wrong passwords",
		} {
			if said[i] != want {
				t.Errorf("got %q, want %q", said[i], want)
			}
		}
	})
}

func TestShortly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30 * time.Second: "30s", 2 * time.Minute: "2m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m",
		128 * time.Minute: "2h8m", 2 * time.Hour: "2h", 24 * time.Hour: "24h", 0: "0s",
	} {
		if got := shortly(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
