package registrar

import (
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
)

// roams has the password of a user of another site looked at where his digests are,
// and goes on with another job when that is known: this one ends.
func (r *Registrar) roams(j *job) {
	q := r.o.Checker.Question(j.m, message.Authorization, j.view.Domain())
	tx, view := j.tx, j.view
	r.o.Judge(tx, q, func(answer auth.Result, err error) {
		next := r.jobs.Get().(*job)
		defer r.release(next)
		next.tx, next.view, next.m, next.now = tx, view, tx.Request(), time.Now()
		if err != nil {
			r.notJudged(next, q.User, err)
			return
		}
		r.checked(next, q.User, r.o.Checker.Judged(q, answer, next.sender(), next.now))
	})
}

// notJudged refuses a user about whom nobody can be asked, unless he is registered
// by the same connection already: it is the same phone.
func (r *Registrar) notJudged(j *job, user string, err error) {
	flow := j.tx.Flow()
	if flow.Kind().Reliable() && hasOneVia(j.m) && r.o.Bindings.UsersOn(flow.ID(), user) {
		r.authenticated(j, user)
		return
	}
	r.counters.notJudged.Add(1)
	if left, ok := r.news.mayTell(j.now); ok {
		home, _ := j.view.User(user)
		r.o.Logger.Warn("a user of another site cannot register here now: no main can be asked about his password",
			"user", user, "of_site", home.Site, "from", flow.Remote().String(), "why", err, "untold", left)
	}
	j.answerOnce(403, "Your Site Cannot Be Asked", nil)
}
