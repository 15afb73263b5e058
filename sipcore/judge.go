package sipcore

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/sipcore/transaction"
	"carillon/store"
)

// A Judge asks another node about a password, as it was shown, of a user whose
// digests this one does not hold. It waits, and ends with ctx; an error is that
// nobody could be asked.
type Judge func(ctx context.Context, q auth.Question) (auth.Result, error)

// judgeTime is how long a phone waits for another node's answer. With it package
// guard, which bounds how many questions there are a second, bounds how many wait.
const judgeTime = 2 * time.Second

var errNobody = errors.New("there is no other node")

// judge implements [registrar.Options.Judge].
func (s *Server) judge(tx *transaction.Server, q auth.Question, then func(auth.Result, error)) {
	if s.o.Judge == nil {
		then(auth.Wrong, errNobody)
		return
	}
	if !s.defence.guard.MayAsk(time.Now()) {
		then(auth.TooSoon, nil)
		return
	}
	var answer auth.Result
	ask := func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, judgeTime)
		defer cancel()
		answer, err = s.o.Judge(ctx, q)
		return err
	}
	ok := s.proxy.Await(tx, ask, func(err error) {
		switch {
		case tx.Request() == nil: // it has ended meanwhile
		case s.draining.Load():
			respondWith(tx, 503, field{"Retry-After", "5"})
		default:
			then(answer, err)
		}
	})
	if !ok {
		then(auth.TooSoon, nil)
	}
}

// Answer judges the password in another node's question, which comes from addr. A
// node is made to wait like a phone, and not banned: many may stand behind it.
func (s *Server) Answer(q auth.Question, addr netip.Addr) auth.Result {
	view := s.o.Store.View()
	find := func(user string) (store.Digests, bool) {
		u, ok := view.User(user)
		return u.Digests, ok
	}
	return s.checker.Judge(q, addr, s.defence.guard, find, time.Now())
}

// admitLater has the password of c looked at where his digests are, and carries the
// request when it is right.
func (s *Server) admitLater(r request, c caller) {
	if r.Method() == message.INVITE {
		reply := r.Reply(100, "", "")
		r.tx.Answer(100, &reply)
	}
	q := s.checker.Question(r.Message, message.ProxyAuthorization, r.view.Domain())
	s.judge(r.tx, q, func(answer auth.Result, err error) {
		switch {
		case r.tx.Canceled():
			proxy.Respond(r.tx, 487, "")
		case err != nil:
			if onceAMinute(&s.toldNotJudged, time.Now()) {
				s.o.Logger.Warn("a user of another site cannot call from here now: no main can be asked about his password",
					"user", q.User, "from", r.tx.Flow().Remote().String(), "why", err)
			}
			refuse(r.tx, 403, "Your Site Cannot Be Asked")
		default:
			now := time.Now()
			if from, ok := s.checked(r, c, q.User, s.checker.Judged(q, answer, r.sender(), now), now); ok {
				s.admitted(r, from, s.isOurs(r))
			}
		}
	})
}
