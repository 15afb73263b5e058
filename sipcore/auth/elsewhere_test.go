package auth

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/store"
)

// away is what a branch knows of users whose digests are elsewhere.
func away(user string) (store.Digests, bool) {
	if d, ok := find(user); ok && !d.IsZero() {
		return store.Digests{Elsewhere: true}, true
	}
	return find(user)
}

// TestElsewhere: a branch asks who holds the digests, about a nonce of its own that
// is good and about nothing else; what it answers then is what it would have
// answered itself.
func TestElsewhere(t *testing.T) {
	s := sealer()
	fresh := func() string { return s.Nonce(here(), now()) }
	sha := func(a *answer) { a.algorithm = "SHA-256" }
	for name, tt := range map[string]struct {
		nonce string
		edit  func(*answer)
		asked bool
		want  Result
	}{
		"right":                   {fresh(), func(*answer) {}, true, OK},
		"right, SHA-256":          {fresh(), sha, true, OK},
		"right, without qop":      {fresh(), func(a *answer) { a.qop = "" }, true, OK},
		"wrong":                   {fresh(), func(a *answer) { a.password = "wp" }, true, Wrong},
		"another algorithm":       {fresh(), func(a *answer) { a.algorithm = "MD5-sess" }, true, Wrong},
		"an old nonce":            {s.Nonce(here(), now().Add(-time.Hour)), func(*answer) {}, false, Stale},
		"nobody's nonce":          {"dcd98b7102dd2f0e8b11d0f600bfb0c0", func(*answer) {}, false, Stale},
		"no such user":            {fresh(), func(a *answer) { a.user = "999" }, false, Wrong},
		"a user with no password": {fresh(), func(a *answer) { a.user, a.password = "nopass", "" }, false, Wrong},
	} {
		t.Run(name, func(t *testing.T) {
			branch, main := NewChecker(s, nil), NewChecker(NewSealer([32]byte{9}, "laurel"), nil)
			m, from := request(t, answering(tt.nonce, tt.edit).header()), Sender{Addr: here()}
			check := func() Result {
				_, r := branch.Check(m, message.Authorization, realm, from, away, now())
				if (r == Elsewhere) != tt.asked {
					t.Fatalf("got %v, asked: %v wanted", r, tt.asked)
				}
				if r != Elsewhere {
					return r
				}
				b, err := json.Marshal(branch.Question(m, message.Authorization, realm))
				if err != nil {
					t.Fatal(err)
				}
				var q Question
				if err = json.Unmarshal(b, &q); err != nil {
					t.Fatal(err)
				}
				judged, ok := ParseResult(main.Judge(q, from.Addr, nobody{}, find, now()).String())
				if !ok {
					t.Fatal("the answer is not understood")
				}
				return branch.Judged(q, judged, from, now())
			}
			if got := check(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := check(); tt.want == OK && got != Stale {
				t.Errorf("the same again: got %v, want that it is used up", got)
			}
		})
	}
}

// strict is a Guard that looks at no password after a wrong one.
type strict map[string]bool

func (g strict) Wait(user string, from netip.Addr, _ time.Time) time.Duration {
	if g[user+from.String()] {
		return time.Second
	}
	return 0
}
func (g strict) Wrong(user string, from netip.Addr, _ time.Time) { g[user+from.String()] = true }
func (g strict) Right(user string, from netip.Addr, _ time.Time) { delete(g, user+from.String()) }

// TestJudgeIsNoOracle: a branch in strange hands guesses no faster than a phone, and
// delays nobody but itself.
func TestJudgeIsNoOracle(t *testing.T) {
	main, pace := NewChecker(sealer(), nil), strict{}
	m := request(t, answering("n", func(a *answer) { a.password = "wp" }).header())
	q := main.Question(m, message.Authorization, realm)
	mons, namur := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if got := main.Judge(q, mons, pace, find, now()); got != Wrong {
		t.Errorf("got %v, want wrong", got)
	}
	if got := main.Judge(q, mons, pace, find, now()); got != TooSoon {
		t.Errorf("the next: got %v, want too soon", got)
	}
	if got := main.Judge(q, namur, pace, find, now()); got != Wrong {
		t.Errorf("another branch: got %v, want wrong", got)
	}
	if got := NewChecker(sealer(), nil).Judged(q, TooSoon, Sender{Addr: mons}, now()); got != TooSoon {
		t.Errorf("the branch: got %v, want too soon", got)
	}
	if _, ok := ParseResult("elsewhere"); ok {
		t.Error("an answer is understood that is none")
	}
}
