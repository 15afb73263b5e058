// Package registrar turns REGISTER requests into bindings (RFC 3261 section
// 10, RFC 3327, RFC 5626). What is to become of a user's bindings is decided on
// values, in decide.go; the rest reads the request, asks for the password and
// answers. It writes live.Bindings and sends to the phone that asked, to nobody
// else: who wants to know of a registration watches the table.
package registrar

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/store"
	"carillon/store/live"
)

// Options is what a Registrar works with. Bindings, Checker and Logger are
// required, and Judge where a user's digests may be elsewhere.
type Options struct {
	Bindings *live.Bindings
	Checker  *auth.Checker
	Logger   *slog.Logger

	Expiry      Expiry
	MaxContacts int // of one user; 0 = 10

	// Judge asks another node about a password and calls then, with tx locked, when
	// it has answered, unless tx has ended; at once if there is nobody to ask.
	Judge func(tx *transaction.Server, q auth.Question, then func(auth.Result, error))

	// Leaves reports whether a phone is to register at another node, and after how many
	// seconds it may ask here again if it knows none. nil: none is.
	Leaves func(user, device string, now time.Time) (retryAfter int, leaves bool)

	// LeadsHere reports whether a URI is an address of this system itself: such
	// a Contact is refused, for a call to it would come back. nil: none is.
	LeadsHere func(*store.View, message.URI) bool
}

// A Registrar answers REGISTER requests. It is safe for concurrent use; make
// one with New.
type Registrar struct {
	o        Options
	policy   policy
	jobs     sync.Pool // of *job
	counters counters
	news     quiet
	census   census
}

// New returns a Registrar.
func New(o Options) *Registrar {
	if o.MaxContacts == 0 {
		o.MaxContacts = 10
	}
	o.Logger = o.Logger.With("component", "registrar")
	r := &Registrar{o: o, policy: policy{expiry: o.Expiry.withDefaults(), maxContacts: o.MaxContacts}}
	r.jobs.New = func() any { return newJob(r) }
	return r
}

// Register answers the REGISTER of tx, which is locked. The caller has
// validated the request and made sure that its Request-URI is ours and that it
// requires nothing but path and outbound. A phone in a network that nothing
// allows is refused before its password costs anything, unless its user roams.
func (r *Registrar) Register(tx *transaction.Server, view *store.View) {
	j := r.jobs.Get().(*job)
	defer r.release(j)
	j.tx, j.view, j.m, j.now = tx, view, tx.Request(), time.Now()
	if why := j.refusedHere(); why != "" {
		r.refuseNetwork(j, why)
		return
	}
	user, result := r.o.Checker.Check(j.m, message.Authorization, view.Domain(), j.sender(), j.find, j.now)
	if result == auth.Elsewhere {
		r.roams(j)
		return
	}
	r.checked(j, user, result)
}

// checked goes on when it is known what the password is worth.
func (r *Registrar) checked(j *job, user string, result auth.Result) {
	switch result {
	case auth.OK:
		r.authenticated(j, user)
	case auth.Malformed:
		r.counters.malformed.Add(1)
		j.answerOnce(400, "Bad Authorization", nil)
	case auth.TooSoon:
		r.counters.tooSoon.Add(1)
		j.answerTooSoon(r.o.Checker.RetryAfter(user, j.sender(), j.now))
	case auth.Missing, auth.Wrong, auth.Stale, auth.Elsewhere:
		r.challenge(j, user, result)
	}
}

// OtherDomain tells the log, now and then, that phones try to register at a
// domain that is not ours: somebody has typed it wrong.
func (r *Registrar) OtherDomain(host string, from netip.AddrPort) {
	if left, ok := r.news.mayTell(time.Now()); ok {
		r.o.Logger.Warn("registration for another domain", "domain", short(host), "from", from.String(), "untold", left)
	}
}

func (r *Registrar) refuseNetwork(j *job, why string) {
	r.counters.forbiddenNetwork.Add(1)
	if left, ok := r.news.mayTell(j.now); ok {
		r.o.Logger.Warn("registration from a network that is not allowed",
			"from", j.tx.Flow().Remote().String(), "transport", j.tx.Flow().Kind().String(), "untold", left)
	}
	j.answerOnce(403, why, nil)
}

func (r *Registrar) challenge(j *job, user string, result auth.Result) {
	r.counters.challenged.Add(1)
	if result == auth.Wrong {
		r.counters.wrong.Add(1)
		if left, ok := r.news.mayTell(j.now); ok {
			r.o.Logger.Warn("registration with a wrong user or password",
				"user", short(user), "from", j.tx.Flow().Remote().String(), "untold", left)
		}
	}
	values := r.o.Checker.ChallengeFor(j.m, j.view.Domain(), result == auth.Stale, j.sender().Addr, j.now)
	j.answerOnce(401, "", values)
}

// authenticated registers user, who has shown the password. Nobody registers
// for another, whether that one exists or not.
func (r *Registrar) authenticated(j *job, user string) {
	if number, ok := j.addressOfRecord(); !ok || number != user {
		r.refuseNumber(j, user, number)
		return
	}
	if refused := j.read(r.policy); refused != nil {
		r.counters.refused.Add(1)
		j.refuse(refused)
		return
	}
	if j.leadsHere(r.o.LeadsHere) {
		r.counters.refused.Add(1)
		j.refuse(&refusal{status: 403, reason: "Contact Points At This Server"})
		return
	}
	if r.crowds(j, user) {
		r.counters.refused.Add(1)
		j.refuse(&refusal{status: 403, reason: "Too Many Phones In This Network"})
		return
	}
	if r.sendsAway(j, user) {
		return
	}
	if j.takesBack() {
		r.o.Bindings.Forgo(user)
	}
	if err := r.o.Bindings.Update(user, j.decide); err != nil {
		r.counters.refused.Add(1)
		j.refuse(asRefusal(err))
		return
	}
	flow := j.tx.Flow()
	if flow.Kind().Reliable() && !flow.IsOpen() {
		r.o.Bindings.FlowClosed(flow.ID()) // it closed while we wrote that it is open
	}
	r.counters.accepted.Add(1)
	j.accept()
}

func (r *Registrar) refuseNumber(j *job, user, number string) {
	r.counters.refused.Add(1)
	if left, ok := r.news.mayTell(j.now); ok {
		r.o.Logger.Warn("registration for another number",
			"user", user, "number", short(number), "from", j.tx.Flow().Remote().String(), "untold", left)
	}
	j.refuse(&refusal{status: 403, reason: "Not Your Number"})
}

// short keeps what strangers write from filling the log.
func short(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}
