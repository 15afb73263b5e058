package guard

import (
	"net/netip"
	"testing"
	"time"
)

// TestCry: a stranger who calls for help is let through a few times, and all of them
// together some more, so that nobody makes a weapon of it; in time both are good again.
func TestCry(t *testing.T) {
	g, now := New(), time.Now()
	one := netip.MustParseAddr("192.0.2.1")
	count := func(from func(i int) netip.Addr, at time.Time) (n int) {
		for i := range 300 {
			if g.Cry(from(i), at) {
				n++
			}
		}
		return n
	}
	same := func(int) netip.Addr { return one }
	if got := count(same, now); got != callBurst {
		t.Errorf("one stranger is let through %d times, want %d", got, callBurst)
	}
	if got := count(same, now.Add(callEvery)); got != 1 {
		t.Errorf("%d times after %v, want once", got, callEvery)
	}
	others := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}) }
	if got := count(others, now.Add(time.Hour)); got != cryBurst {
		t.Errorf("300 strangers are let through %d times, want %d", got, cryBurst)
	}
	if g.Cry(one, now.Add(time.Hour)) {
		t.Error("one more is let through")
	}
	if !g.Cry(one, now.Add(time.Hour+cryEvery)) {
		t.Error("he has to wait although he did nothing")
	}
}

// TestHearsMore: the messages of a call for help are heard, so many, of who made one
// lately and of nobody else.
func TestHearsMore(t *testing.T) {
	g, now := New(), time.Now()
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if g.HearsMore(one, now) {
		t.Error("he is heard before he calls")
	}
	if !g.HearsCry(one, now) || g.HearsMore(one, now) {
		t.Error("his call is not heard, or what was not let through goes on")
	}
	g.Cry(one, now)
	if !g.HearsMore(one, now) || g.HearsMore(other, now) {
		t.Error("his call does not go on, or that of another does")
	}
	heard := 0
	for range 1000 {
		if g.HearsMore(one, now) {
			heard++
		}
	}
	if heard+2 != wordBurst {
		t.Errorf("%d messages are heard at once, want %d", heard+2, wordBurst)
	}
	if g.HearsMore(one, now.Add(time.Duration(helpFor)+time.Minute)) {
		t.Error("he is heard for ever")
	}
}
