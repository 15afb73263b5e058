package guard

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// nth is the n-th of many addresses.
func nth(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n)+0x0b000000)
	return netip.AddrFrom4(b)
}

// at is a moment in the life of a Guard.
func at(g *Guard, after time.Duration) time.Time { return g.base.Add(after) }

func TestHousehold(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8::1": "2001:db8::/64", "2001:db8::ffff:0:0:1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Household(addr(in)).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if Household(netip.Addr{}).IsValid() {
		t.Error("no address has a household")
	}
}

// TestRate: so much at once, then so much a second, each household for itself.
func TestRate(t *testing.T) {
	tests := []struct {
		name         string
		as           Standing
		friend       bool
		once, second int
	}{
		{"open", Open, false, openBurst, openRate},
		{"who has shown a password", Open, true, friendBurst, friendRate},
		{"unknown", Unknown, false, unknownBurst, unknownRate},
		{"a user who roams", Unknown, true, friendBurst, friendRate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := New()
			if tt.friend {
				g.Trust(addr("192.0.2.7"), at(g, 0))
			}
			passed := func(from string, now time.Time) (n int) {
				for range 20000 {
					if v := g.Admit(addr(from), tt.as, now); v == Pass || v == Friend {
						n++
					}
				}
				return n
			}
			if got := passed("192.0.2.7", at(g, 0)); got != tt.once {
				t.Errorf("at once: got %d, want %d", got, tt.once)
			}
			if got := passed("192.0.2.7", at(g, time.Second)); got != tt.second {
				t.Errorf("a second later: got %d, want %d", got, tt.second)
			}
			if got := g.Admit(addr("192.0.2.8"), tt.as, at(g, time.Second)); got != Pass {
				t.Errorf("somebody else: got %v, want him to pass", got)
			}
			if got := passed("192.0.2.7", at(g, time.Hour)); got != tt.once && !tt.friend {
				t.Errorf("an hour later: got %d, want %d", got, tt.once)
			}
		})
	}
}

// TestCrowd: strangers under many addresses share one rate; phones do not.
func TestCrowd(t *testing.T) {
	g := New()
	verdicts := map[Verdict]int{}
	for i := range 10000 {
		verdicts[g.Admit(nth(i), Unknown, at(g, 0))]++
	}
	if verdicts[Pass] != crowdBurst || verdicts[Crowded] != 10000-crowdBurst {
		t.Errorf("got %v, want %d to pass and the rest crowded", verdicts, crowdBurst)
	}
	if got := g.Admit(nth(0), Open, at(g, 0)); got != Pass {
		t.Errorf("who may be a phone: got %v, want him to pass", got)
	}
}

// TestBans: ten failures, then a ban; each is longer than the one before, until
// a day without one.
func TestBans(t *testing.T) {
	g := New()
	who, now := addr("192.0.2.7"), time.Duration(0)
	banned := func() (time.Duration, int) {
		for range blameMost - 1 {
			if d, _ := g.Blame(who, at(g, now)); d != 0 {
				t.Fatalf("banned for %v too early", d)
			}
		}
		return g.Blame(who, at(g, now))
	}
	for i, want := range []time.Duration{2 * time.Minute, 8 * time.Minute, 32 * time.Minute, 128 * time.Minute, 512 * time.Minute, 24 * time.Hour, 24 * time.Hour} {
		got, times := banned()
		if got != want || times != i+1 {
			t.Errorf("ban %d: got %v, the %d., want %v", i+1, got, times, want)
		}
		now += got
	}
	now += 24*time.Hour + time.Second
	if got, times := banned(); got != 2*time.Minute || times != 1 {
		t.Errorf("a day later: got %v, the %d., want a first one", got, times)
	}
	g.Pardon(who)
	if got, times := banned(); got != 2*time.Minute || times != 1 {
		t.Errorf("pardoned: got %v, the %d., want a first one", got, times)
	}
}

// TestBlameFades: a phone with a wrong password that tries once a minute is never
// banned, nor is a house where more goes right than wrong.
func TestBlameFades(t *testing.T) {
	g := New()
	for i := range 500 {
		if d, _ := g.Blame(addr("192.0.2.7"), at(g, time.Duration(i)*time.Minute)); d != 0 {
			t.Fatalf("failure %d: banned for %v", i, d)
		}
		for range 3 {
			now := at(g, time.Duration(i)*time.Second)
			g.Trust(addr("192.0.2.8"), now)
			if d, _ := g.Blame(addr("192.0.2.8"), now); d != 0 {
				t.Fatalf("failure %d of a house: banned for %v", i, d)
			}
		}
	}
}

// TestUserWaits: three wrong passwords are free; then each costs a wait, for
// this user at this place alone, until one is right.
func TestUserWaits(t *testing.T) {
	g := New()
	home, away := addr("10.0.0.1"), addr("10.0.0.2")
	now := time.Duration(0)
	for i, seconds := range []int{0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30} {
		want := time.Duration(seconds) * time.Second
		g.Wrong("201", home, at(g, now))
		if got := g.Wait("201", home, at(g, now)); got != want {
			t.Errorf("wrong %d: got %v, want %v", i+1, got, want)
		}
		now += want
		if got := g.Wait("201", home, at(g, now)); got != 0 {
			t.Errorf("wrong %d, then waited: got %v, want none", i+1, got)
		}
	}
	g.Wrong("201", home, at(g, now))
	if g.Wait("202", home, at(g, now)) != 0 || g.Wait("201", away, at(g, now)) != 0 {
		t.Error("another user, or the same elsewhere, has to wait")
	}
	g.Right("201", home, at(g, now))
	if got := g.Wait("201", home, at(g, now)); got != 0 {
		t.Errorf("after a right one: got %v, want none", got)
	}
}

// TestWaitsFade: who gives up for some time starts afresh.
func TestWaitsFade(t *testing.T) {
	g := New()
	for range 50 {
		g.Wrong("201", addr("10.0.0.1"), at(g, 0))
	}
	later := at(g, (wrongMost+1)*time.Minute)
	g.Wrong("201", addr("10.0.0.1"), later)
	if got := g.Wait("201", addr("10.0.0.1"), later); got != 0 {
		t.Errorf("got %v, want none", got)
	}
}

// TestMillionSources: the tables do not grow, and what matters is not pushed out
// by what does not.
func TestMillionSources(t *testing.T) {
	g := New()
	guesser, slowed := addr("192.0.2.7"), addr("10.0.0.1")
	for range blameMost - 1 {
		g.Blame(guesser, at(g, 0))
	}
	for range 6 {
		g.Wrong("201", slowed, at(g, 0))
	}
	before := heap()
	for i := range 1_000_000 {
		g.Admit(nth(i), Unknown, at(g, time.Duration(i)*time.Microsecond))
		g.Wrong("201", nth(i), at(g, time.Duration(i)*time.Microsecond))
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("a million sources cost %d bytes, want none", grown)
	}
	if d, _ := g.Blame(guesser, at(g, time.Second)); d == 0 {
		t.Error("who guessed nine passwords was forgotten")
	}
	if g.Wait("201", slowed, at(g, time.Second)) == 0 {
		t.Error("who was to wait was forgotten")
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkGoodPhone is what a phone costs that does nothing wrong, while
// somebody else does: its password is right, and it is a stranger's.
func BenchmarkGoodPhone(b *testing.B) {
	for _, c := range []struct {
		name  string
		wrong bool
		phone func(g *Guard, now time.Time)
	}{
		{"in a network of ours", false, func(g *Guard, now time.Time) {
			g.Wait("201", nth(1), now)
			g.Right("201", nth(1), now)
		}},
		{"in a network of ours, while others guess", true, func(g *Guard, now time.Time) {
			g.Wait("201", nth(1), now)
			g.Right("201", nth(1), now)
		}},
		{"anywhere", false, func(g *Guard, now time.Time) {
			g.Admit(nth(1), Open, now)
			g.Wait("201", nth(1), now)
			g.Right("201", nth(1), now)
			g.Trust(nth(1), now)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := New()
			if c.wrong {
				g.Wrong("202", nth(2), at(g, time.Hour))
			}
			now := at(g, 0)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				c.phone(g, now)
			}
		})
	}
}

// TestMayAsk: whoever sends passwords, so many are asked about.
func TestMayAsk(t *testing.T) {
	g := New()
	passed := func(after time.Duration) (n int) {
		for range 1000 {
			if g.MayAsk(at(g, after)) {
				n++
			}
		}
		return n
	}
	if got := passed(0); got != askedBurst {
		t.Errorf("at once: got %d, want %d", got, askedBurst)
	}
	if got := passed(time.Second); got != askedRate {
		t.Errorf("a second later: got %d, want %d", got, askedRate)
	}
}
