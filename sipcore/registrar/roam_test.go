package registrar

import (
	"errors"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/guard"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
)

// roaming is a house that holds no digests, and asks one that does unless it is cut
// off.
func roaming(t *testing.T, k transport.Kind, cut *bool) *house {
	t.Helper()
	h := newHouse(t, k, desk)
	whole := h.view
	c := whole.Config()
	for i := range c.Users {
		c.Users[i].Digests = store.Digests{Elsewhere: true}
	}
	h.view = store.NewView(c)
	main, pace := auth.NewChecker(auth.NewSealer([32]byte{1}, "main"), nil), guard.New()
	h.registrar.o.Judge = func(_ *transaction.Server, q auth.Question, then func(auth.Result, error)) {
		if *cut {
			then(auth.Wrong, errors.New("no main is heard"))
			return
		}
		find := func(user string) (store.Digests, bool) { u, ok := whole.User(user); return u.Digests, ok }
		then(main.Judge(q, us.Addr(), pace, find, time.Now()), nil)
	}
	return h
}

// TestAUserOfAnotherSite: he registers as at home, while somebody can be asked. Else
// he is refused, whether his password is right or not, and the log says why, but for
// a phone that is registered by the same connection.
func TestAUserOfAnotherSite(t *testing.T) {
	const proxied = "Via: SIP/2.0/TCP 127.0.0.9;branch=z9hG4bKedge\r\n"
	for _, tt := range []struct {
		name   string
		kind   transport.Kind
		before bool // registered while somebody could be asked
		cut    bool
		r      register
		want   int
	}{
		{"asked", transport.TCP, false, false, register{}, 200},
		{"asked, over UDP", transport.UDP, false, false, register{algorithm: "SHA-256"}, 200},
		{"asked, and wrong", transport.TCP, false, false, register{password: "wp"}, 401},
		{"another's number", transport.TCP, false, false, register{to: "sip:202@" + domain}, 403},
		{"nobody can be asked", transport.TCP, false, true, register{}, 403},
		{"nobody can be asked, and wrong", transport.TCP, false, true, register{password: "wp"}, 403},
		{"here already", transport.TCP, true, true, register{}, 200},
		{"here already, over UDP", transport.UDP, true, true, register{}, 403},
		{"another behind the same connection", transport.TCP, true, true, register{user: "202", to: "sip:202@" + domain}, 403},
		{"here already, behind a proxy", transport.TCP, true, true, register{via: proxied}, 403},
		{"nobody's", transport.TCP, false, true, register{user: "999"}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cut := false
			h := roaming(t, tt.kind, &cut)
			if tt.before {
				if got := h.register(register{cseq: 1, lines: []string{here}}); got.Status() != 200 {
					t.Fatalf("before: got %d", got.Status())
				}
			}
			cut = tt.cut
			tt.r.cseq, tt.r.lines = 2, []string{here}
			if got := h.register(tt.r); got.Status() != tt.want {
				t.Errorf("got %d, want %d", got.Status(), tt.want)
			}
			told := strings.Contains(h.log.String(), "no main can be asked about his password")
			counted := h.registrar.Counters().NotJudged == 1
			if refused := tt.cut && tt.want == 403; told != refused || counted != refused {
				t.Errorf("told %v, counted %v, want %v: %s", told, counted, refused, h.log.String())
			}
		})
	}
}
