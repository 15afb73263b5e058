package live

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// written is a Journal that hands what it gets to another table.
type written struct {
	t  *testing.T
	to *Bans
}

func (w written) Set(key string, value []byte) { w.tell(key, value) }
func (w written) Delete(key string)            { w.tell(key, nil) }

func (w written) tell(key string, value []byte) {
	w.t.Helper()
	if err := w.to.Learn("laurel", key, value); err != nil {
		w.t.Error(err)
	}
}

func TestBanCovers(t *testing.T) {
	now := time.Now()
	b := NewBans("laurel", nil)
	if b.Covers(netip.MustParseAddr("192.0.2.7"), now) {
		t.Error("an empty table keeps somebody out")
	}
	for _, a := range []string{"192.0.2.7", "2001:db8:0:1::5"} {
		b.Put(netip.MustParseAddr(a), time.Minute, 1, "guesses", now)
	}
	for address, want := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.2.8": false,
		"2001:db8:0:1::5": true, "2001:db8:0:1:9::": true, "2001:db8:0:2::5": false, "::1": false,
	} {
		if got := b.Covers(netip.MustParseAddr(address), now.Add(59*time.Second)); got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
		if b.Covers(netip.MustParseAddr(address), now.Add(time.Minute)) {
			t.Errorf("%s: still kept out when the ban is over", address)
		}
	}
}

// TestBansOfTwoNodes: what one bans the other keeps out, for as long; what is
// over, or lifted, is so at both.
func TestBansOfTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hardy := NewBans("hardy", nil)
		laurel := NewBans("laurel", written{t, hardy})
		var news []string
		hardy.OnChange(func(x Ban, banned bool) { news = append(news, fmt.Sprint(x.Address, x.Node, banned)) })
		one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
		laurel.Put(one, time.Minute, 3, "guesses", time.Now())
		laurel.Put(two, time.Hour, 1, "guesses", time.Now())
		hardy.Put(one, 2*time.Minute, 1, "guesses", time.Now())

		time.Sleep(59 * time.Second)
		if got := len(hardy.All()); got != 3 {
			t.Fatalf("got %d bans, want 3", got)
		}
		if i := slices.IndexFunc(hardy.All(), func(x Ban) bool { return x.Times == 3 && x.Why == "guesses" && x.Node == "laurel" }); i < 0 {
			t.Errorf("got %+v, want what laurel knows", hardy.All())
		}
		time.Sleep(time.Second)
		laurel.Expire(time.Now())
		if laurel.Covers(one, time.Now()) || !hardy.Covers(one, time.Now()) {
			t.Error("laurel's ban is over, hardy's is not")
		}
		if got := laurel.Lift(two); len(got) != 1 || hardy.Covers(two, time.Now()) {
			t.Errorf("lifted %v; hardy keeps it out: %v", got, hardy.Covers(two, time.Now()))
		}
		if got := laurel.Lift(two); len(got) != 0 {
			t.Errorf("lifted %v again", got)
		}
		time.Sleep(time.Minute)
		hardy.Expire(time.Now())
		want := []string{
			"192.0.2.1/32laureltrue", "2001:db8::/64laureltrue", "192.0.2.1/32hardytrue",
			"192.0.2.1/32laurelfalse", "2001:db8::/64laurelfalse", "192.0.2.1/32hardyfalse",
		}
		if strings.Join(news, " ") != strings.Join(want, " ") {
			t.Errorf("hardy tells %q, want %q", news, want)
		}
		if len(hardy.byAddress) != 0 || len(hardy.byNode) != 0 || hardy.count.Load() != 0 {
			t.Errorf("got %v and %v left, want nothing", hardy.byAddress, hardy.byNode)
		}
	})
}

// TestBansDoNotGrow: a node has so many bans and no more; those that end first
// go.
func TestBansDoNotGrow(t *testing.T) {
	now := time.Now()
	b := NewBans("laurel", nil)
	for i := range maxBans + 10 {
		b.Put(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), time.Hour+time.Duration(i)*time.Second, 1, "", now)
	}
	if got := len(b.All()); got != maxBans {
		t.Errorf("got %d, want %d", got, maxBans)
	}
	if b.Covers(netip.MustParseAddr("10.0.0.9"), now) || !b.Covers(netip.MustParseAddr("10.0.0.10"), now) {
		t.Error("want the first ten gone, and no other")
	}
}

func TestForgetBans(t *testing.T) {
	b, now := NewBans("laurel", nil), time.Now()
	b.Put(netip.MustParseAddr("192.0.2.1"), time.Hour, 1, "", now)
	told := Ban{Since: now, Until: now.Add(time.Hour)}
	if err := b.Learn("hardy", "192.0.2.2/32", told.shared()); err != nil {
		t.Fatal(err)
	}
	b.Forget("hardy")
	b.Forget("laurel")
	if all := b.All(); len(all) != 1 || all[0].Node != "laurel" {
		t.Errorf("got %v, want laurel's", all)
	}
}

// FuzzLearnBan: what another node says is refused, or is a ban that says the
// same when it is told on.
func FuzzLearnBan(f *testing.F) {
	now := time.Now()
	x := Ban{Why: "guesses", Times: 2, Since: now, Until: now.Add(time.Hour)}
	f.Add("192.0.2.7/32", x.shared())
	f.Add("2001:db8::/64", x.shared())
	f.Add("192.0.2.0/24", []byte{1})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		b := NewBans("laurel", nil)
		if err := b.Learn("hardy", key, value); err != nil || len(value) == 0 {
			if len(b.All()) != 0 {
				t.Fatal("a refused ban is in force")
			}
			return
		}
		x, ok := b.findLocked("hardy", key)
		if !ok || x.Until.Sub(x.Since) > longestBan || x.Address.String() != key || len(x.Why) > longestWhy {
			t.Fatalf("got %+v, %v of %q", x, ok, key)
		}
		y, err := parseBan(key, x.shared(), x.Since)
		if y.Node = x.Node; err != nil || y != x {
			t.Errorf("got %+v, %v, want %+v", y, err, x)
		}
	})
}

func BenchmarkCovers(b *testing.B) {
	for _, banned := range []int{0, 1000} {
		b.Run(fmt.Sprint(banned), func(b *testing.B) {
			table, now := NewBans("laurel", nil), time.Now()
			for i := range banned {
				table.Put(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), time.Hour, 1, "", now)
			}
			a := netip.MustParseAddr("192.0.2.1")
			for b.Loop() {
				table.Covers(a, now)
			}
		})
	}
}
