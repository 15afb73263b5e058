package registrar

import (
	"strings"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/store"
	"carillon/store/live"
)

// A job is one REGISTER on its way. Jobs are used again, with their memory and
// with the functions that they hand out, so that a refresh allocates little
// more than its answer.
type job struct {
	request
	tx   *transaction.Server
	view *store.View
	m    *message.Message

	policy policy
	result []live.Binding // what the user has at the end

	find   func(user string) (store.Digests, bool)
	decide func(have []live.Binding) ([]live.Binding, error)
	out    []byte // the response
	line   []byte // a header field value
}

func newJob(r *Registrar) *job {
	j := &job{policy: r.policy}
	j.find = func(user string) (store.Digests, bool) {
		u, ok := j.view.User(user)
		return u.Digests, ok
	}
	j.decide = func(have []live.Binding) ([]live.Binding, error) {
		want, err := decide(have, &j.request, j.policy)
		j.result = append(j.result[:0], want...)
		return want, err
	}
	return j
}

// release takes j back, without what would keep a message alive.
func (r *Registrar) release(j *job) {
	clear(j.contacts[:cap(j.contacts)])
	clear(j.result[:cap(j.result)])
	j.request = request{contacts: j.contacts[:0]}
	j.tx, j.view, j.m = nil, nil, nil
	r.jobs.Put(j)
}

func (j *job) sender() auth.Sender {
	flow := j.tx.Flow()
	return auth.Sender{Addr: flow.Remote().Addr(), Connected: flow.Kind().Reliable()}
}

func (j *job) read(p policy) *refusal {
	refused := j.request.read(j.m, j.tx.Flow(), j.now, p)
	j.site = j.view.Network(j.source.Addr()).Site
	return refused
}

// refusedHere returns why a phone may not register from where it is; nothing if it
// may. Whom it registers is looked at only where that makes a difference.
func (j *job) refusedHere() string {
	flow := j.tx.Flow()
	at, kind := flow.Remote().Addr(), flow.Kind().String()
	why := j.view.Admits("", at, kind)
	if why == "" {
		return ""
	}
	if number, ok := j.addressOfRecord(); ok {
		return j.view.Admits(number, at, kind)
	}
	return why
}

// addressOfRecord returns the number that To names, if it is in our domain. A
// phone that knows us by an address writes that in the Request-URI and in To.
func (j *job) addressOfRecord() (number string, ok bool) {
	to, _ := j.m.Header(message.To)
	a, err := message.ParseNameAddr(to)
	if err != nil {
		return "", false
	}
	uri, err := message.ParseURI(a.URI)
	if err != nil || !uri.IsSIP() || !j.isOurs(uri.Host) {
		return "", false
	}
	return uri.UserUnescaped(), true
}

func (j *job) isOurs(host string) bool {
	if j.view.IsLocal(host) {
		return true
	}
	asked, err := message.ParseURI(j.m.RequestURI())
	return err == nil && strings.EqualFold(host, asked.Host)
}

// leadsHere reports whether a contact that is to be kept leads to the system
// itself.
func (j *job) leadsHere(is func(*store.View, message.URI) bool) bool {
	if is == nil {
		return false
	}
	for i := range j.contacts {
		if c := &j.contacts[i]; c.asked != 0 && is(j.view, c.uri) {
			return true
		}
	}
	return false
}
