package auth

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func now() time.Time { return time.UnixMilli(1_800_000_000_000) }

func here() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 7}) }

func TestNonce(t *testing.T) {
	laurel, hardy := sealer(), NewSealer([32]byte{1, 2, 3}, "hardy")
	restarted, stranger := sealer(), NewSealer([32]byte{9}, "laurel")
	tests := []struct {
		name  string
		nonce string
		after time.Duration
		want  NonceState
	}{
		{"at once", laurel.Nonce(here(), now()), 0, Fresh},
		{"at the end of its life", laurel.Nonce(here(), now()), NonceLife, Fresh},
		{"after its life", laurel.Nonce(here(), now()), NonceLife + time.Millisecond, Expired},
		{"from the future", laurel.Nonce(here(), now()), -NonceLife - time.Millisecond, Expired},
		{"another node's", hardy.Nonce(here(), now()), 0, Expired},
		{"from before a restart", restarted.Nonce(here(), now()), 0, Expired},
		{"another system's", stranger.Nonce(here(), now()), 0, Forged},
		{"none", "", 0, Forged},
		{"any 36 characters", "abcdefghijklmnopqrstuvwxyz0123456789", 0, Forged},
		{"a token", laurel.Seal(Token{User: "201"}), 0, Forged},
		{"with a line break", laurel.Nonce(here(), now())[:35] + "\n", 0, Forged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := laurel.CheckNonce(tt.nonce, now().Add(tt.after)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestNonceProvesAnAddress: only who was sent it at an address can show that he
// receives there.
func TestNonceProvesAnAddress(t *testing.T) {
	laurel, hardy, stranger := sealer(), NewSealer([32]byte{1, 2, 3}, "hardy"), NewSealer([32]byte{9}, "laurel")
	tests := []struct {
		name     string
		by       *Sealer
		to, from string
		after    time.Duration
		want     bool
	}{
		{"the same", laurel, "192.0.2.7", "192.0.2.7", 0, true},
		{"the same, mapped into IPv6", laurel, "192.0.2.7", "::ffff:192.0.2.7", 0, true},
		{"another", laurel, "192.0.2.7", "192.0.2.8", 0, false},
		{"the same host by IPv6", laurel, "2001:db8::1", "2001:db8::2:0:0:9", 0, true},
		{"another network of IPv6", laurel, "2001:db8::1", "2001:db8:0:1::1", 0, false},
		{"made by another node", hardy, "192.0.2.7", "192.0.2.7", 0, true},
		{"made by another system", stranger, "192.0.2.7", "192.0.2.7", 0, false},
		{"at the end of its life", laurel, "192.0.2.7", "192.0.2.7", NonceLife, true},
		{"after its life", laurel, "192.0.2.7", "192.0.2.7", NonceLife + time.Millisecond, false},
	}
	for _, tt := range tests {
		nonce := tt.by.Nonce(netip.MustParseAddr(tt.to), now())
		if got := laurel.Proves(nonce, netip.MustParseAddr(tt.from), now().Add(tt.after)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if laurel.Proves("", here(), now()) {
		t.Error("no nonce proves something")
	}
}

// FuzzCheckNonce: no altered nonce is good.
func FuzzCheckNonce(f *testing.F) {
	s := sealer()
	good := s.Nonce(here(), now())
	f.Add(good, 3, byte('A'))
	f.Fuzz(func(t *testing.T, text string, at int, c byte) {
		if text != good && s.CheckNonce(text, now()) == Fresh {
			t.Errorf("%q passes", text)
		}
		b := []byte(good)
		b[uint(at)%uint(len(b))] = c
		if string(b) != good && s.CheckNonce(string(b), now()) != Forged {
			t.Errorf("%q passes", b)
		}
	})
}

func TestCounts(t *testing.T) {
	type use struct {
		number, newest, nc uint32
		want               bool
	}
	tests := []struct {
		name string
		uses []use
	}{
		{"once", []use{{1, 1, 1, true}, {1, 1, 1, false}}},
		{"counted up", []use{{1, 1, 1, true}, {1, 1, 2, true}, {1, 1, 3, true}, {1, 1, 2, false}}},
		{"overtaken", []use{{1, 1, 3, true}, {1, 1, 1, true}, {1, 1, 2, true}, {1, 1, 1, false}, {1, 1, 3, false}}},
		{"far overtaken", []use{{1, 1, 33, true}, {1, 1, 2, true}, {1, 1, 1, false}}},
		{"a jump", []use{{1, 1, 1, true}, {1, 1, 40000, true}, {1, 1, 39999, true}, {1, 1, 1, false}}},
		{"no count", []use{{1, 1, 0, false}}},
		{"too many", []use{{1, 1, maxNC, true}, {1, 1, maxNC + 1, false}}},
		{"two nonces", []use{{1, 2, 1, true}, {2, 2, 1, true}, {1, 2, 1, false}}},
		{"the last in the ring", []use{{1, ringSize, 1, true}, {1, ringSize, 1, false}}},
		{"out of the ring", []use{{1, ringSize + 1, 1, false}}},
		{"the same slot a lap later", []use{{1, 1, 1, true}, {ringSize + 1, ringSize + 1, 1, true}, {ringSize + 1, ringSize + 1, 1, false}}},
		{"the numbers wrap", []use{{1<<32 - 1, 5, 1, true}, {1<<32 - 1, 5, 1, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c counts
			for i, u := range tt.uses {
				if got := c.use(u.number, u.newest, u.nc); got != u.want {
					t.Errorf("use %d %+v: got %v", i, u, got)
				}
			}
		})
	}
}

// TestCountsTogether: of those who use the same count at once, one may.
func TestCountsTogether(t *testing.T) {
	var c counts
	var allowed atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, nc := range rand.Perm(30) {
				if c.use(1, 1, uint32(nc+1)) {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 30 {
		t.Errorf("%d uses were allowed, want 30", allowed.Load())
	}
}

func BenchmarkNonce(b *testing.B) {
	s := sealer()
	b.ReportAllocs()
	for b.Loop() {
		s.Nonce(here(), now())
	}
}

func BenchmarkCheckNonce(b *testing.B) {
	s := sealer()
	n := s.Nonce(here(), now())
	b.ReportAllocs()
	for b.Loop() {
		s.CheckNonce(n, now())
	}
}
