package auth

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func now() time.Time { return time.UnixMilli(1_800_000_000_000) }

func TestNonce(t *testing.T) {
	laurel, hardy := sealer(), NewSealer([32]byte{1, 2, 3}, "hardy")
	restarted, stranger := sealer(), NewSealer([32]byte{9}, "laurel")
	tests := []struct {
		name  string
		nonce string
		after time.Duration
		want  NonceState
	}{
		{"at once", laurel.Nonce(now()), 0, Fresh},
		{"at the end of its life", laurel.Nonce(now()), NonceLife, Fresh},
		{"after its life", laurel.Nonce(now()), NonceLife + time.Millisecond, Expired},
		{"from the future", laurel.Nonce(now()), -NonceLife - time.Millisecond, Expired},
		{"another node's", hardy.Nonce(now()), 0, Expired},
		{"from before a restart", restarted.Nonce(now()), 0, Expired},
		{"another system's", stranger.Nonce(now()), 0, Forged},
		{"none", "", 0, Forged},
		{"any 32 characters", "abcdefghijklmnopqrstuvwxyz012345", 0, Forged},
		{"a token", laurel.Seal(Token{User: "201"}), 0, Forged},
		{"with a line break", laurel.Nonce(now())[:31] + "\n", 0, Forged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := laurel.CheckNonce(tt.nonce, now().Add(tt.after)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// FuzzCheckNonce: no altered nonce is good.
func FuzzCheckNonce(f *testing.F) {
	s := sealer()
	good := s.Nonce(now())
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
		s.Nonce(now())
	}
}

func BenchmarkCheckNonce(b *testing.B) {
	s := sealer()
	n := s.Nonce(now())
	b.ReportAllocs()
	for b.Loop() {
		s.CheckNonce(n, now())
	}
}
