package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// told is a Guard that notes what it hears.
type told struct {
	wait time.Duration
	news []string
}

func (g *told) Wait(string, netip.Addr, time.Time) time.Duration { return g.wait }

func (g *told) Wrong(user string, from netip.Addr, _ time.Time) {
	g.news = append(g.news, fmt.Sprintf("wrong %s %s", user, from))
}

func (g *told) Right(user string, from netip.Addr, _ time.Time) {
	g.news = append(g.news, fmt.Sprintf("right %s %s", user, from))
}

// TestGuardHearsOfPasswords: only who receives at his address can be blamed,
// and only a password that was looked at is told of.
func TestGuardHearsOfPasswords(t *testing.T) {
	elsewhere := netip.MustParseAddr("198.51.100.1")
	wrong := func(a *answer) { a.password = "wp" }
	tests := []struct {
		name    string
		nonceTo netip.Addr
		edit    func(*answer)
		from    Sender
		wait    time.Duration
		want    Result
		news    []string
	}{
		{"right", here(), func(*answer) {}, Sender{Addr: here()}, 0, OK, []string{"right 201 192.0.2.7"}},
		{"wrong, with the nonce that he was sent", here(), wrong, Sender{Addr: here()}, 0, Wrong, []string{"wrong 201 192.0.2.7"}},
		{"wrong, with the nonce of somebody else", elsewhere, wrong, Sender{Addr: here()}, 0, Wrong, nil},
		{"wrong, with an invented nonce", here(), func(a *answer) { a.password, a.nonce = "wp", "x" }, Sender{Addr: here()}, 0, Wrong, nil},
		{"wrong, over a connection", elsewhere, wrong, Sender{Addr: here(), Connected: true}, 0, Wrong, []string{"wrong 201 192.0.2.7"}},
		{"nobody's, over a connection", here(), func(a *answer) { a.user = "999" }, Sender{Addr: here(), Connected: true}, 0, Wrong, []string{"wrong 999 192.0.2.7"}},
		{"right, from elsewhere than the nonce was sent", elsewhere, func(*answer) {}, Sender{Addr: here()}, 0, OK, []string{"right 201 192.0.2.7"}},
		{"right, with a used nonce", here(), func(a *answer) { a.nc = "00000000" }, Sender{Addr: here()}, 0, Stale, nil},
		{"right, but too soon", here(), func(*answer) {}, Sender{Addr: here()}, time.Second, TooSoon, nil},
		{"wrong and too soon", here(), wrong, Sender{Addr: here(), Connected: true}, time.Second, TooSoon, nil},
	}
	for _, tt := range tests {
		s, g := sealer(), &told{wait: tt.wait}
		m := request(t, answering(s.Nonce(tt.nonceTo, now()), tt.edit).header())
		if _, got := NewChecker(s, g).Check(m, message.Authorization, realm, tt.from, find, now()); got != tt.want || !slices.Equal(g.news, tt.news) {
			t.Errorf("%s: got %v and %q, want %v and %q", tt.name, got, g.news, tt.want, tt.news)
		}
	}
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", 30 * time.Second: "30"} {
		if got := NewChecker(sealer(), &told{wait: wait}).RetryAfter("201", Sender{}, now()); got != want {
			t.Errorf("%v: got Retry-After %s, want %s", wait, got, want)
		}
	}
}
