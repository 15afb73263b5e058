package presence

import (
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/presence/document"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
)

// An ask is what a SUBSCRIBE asks for.
type ask struct {
	pkg     *Package
	event   string // the Event header field, as far as it is repeated
	target  string // the Contact; "" if there is none
	expires time.Duration
	now     time.Time
	number  uint32 // its CSeq
	list    *list  // nil if it is of one user
}

// Offers reports whether the event package of a SUBSCRIBE is known here; if not, it is
// refused with 489 and these.
func (n *Notifier) Offers(m *message.Message) (events string, ok bool) {
	if pkg, _ := n.packageOf(m); pkg != nil {
		return "", true
	}
	return n.Events(), false
}

// Events returns the names of all packages, as Allow-Events has them.
func (n *Notifier) Events() string {
	var names []string
	for i := range n.o.Packages {
		names = append(names, n.o.Packages[i].Name)
	}
	return strings.Join(names, ", ")
}

// packageOf returns the package that m is about, and what NOTIFY says of it: what the
// phone has written. Name and id are compared byte by byte (RFC 6665 section 8.2.1), and
// a phone that shares a line looks for its parameter again ("dialog;sla").
func (n *Notifier) packageOf(m *message.Message) (pkg *Package, event string) {
	value, _ := m.Header(message.Event)
	name, _, _ := strings.Cut(value, ";")
	name = strings.TrimSpace(name)
	for i := range n.o.Packages {
		if p := &n.o.Packages[i]; strings.EqualFold(p.Name, name) {
			return p, value
		}
	}
	return nil, ""
}

// Subscribe answers a SUBSCRIBE outside a dialog, by which watcher, who was admitted,
// asks about user. tx is locked, and its event is one that Offers knows.
func (n *Notifier) Subscribe(tx *transaction.Server, view *store.View, watcher, user string) {
	m := tx.Request()
	a, refused := n.read(m, view, true)
	if refused == nil {
		refused = n.mayWatch(a, view, watcher, user)
	}
	if refused == nil {
		refused = n.begin(tx, a, watcher, user)
	}
	if refused != nil {
		n.refuse(tx, refused)
	}
}

// mayWatch is who may watch whom: all users of the domain each other.
func (n *Notifier) mayWatch(a *ask, view *store.View, watcher, user string) *refusal {
	if _, ok := view.User(watcher); !ok {
		return &refusal{status: 403, reason: "Not A User Of This Domain"}
	}
	if a.pkg.Private && watcher != user {
		return &refusal{status: 403, reason: "Not Yours To Watch"}
	}
	return nil
}

// begin makes the subscription, answers, and has its first NOTIFY sent.
func (n *Notifier) begin(tx *transaction.Server, a *ask, watcher string, users ...string) *refusal {
	m := tx.Request()
	s := n.newSubscription(m, a, watcher)
	if s == nil {
		return &refusal{status: 513}
	}
	s.flow, s.heard = tx.Flow(), a.number
	n.mu.Lock()
	if same := n.twinsLocked(s, a, users); same != nil {
		n.mu.Unlock()
		n.renew(tx, a, same, same.tag)
		return nil
	}
	refused := n.roomLocked(watcher)
	if refused == nil {
		n.addLocked(s, a.pkg, users...)
		s.owed, s.busy = true, true // until it is answered
	}
	n.mu.Unlock()
	if refused != nil {
		return refused
	}
	n.accept(tx, a, s.tag)
	n.mu.Lock()
	defer n.mu.Unlock()
	s.busy = false
	s.lastsLocked(a)
	return nil
}

// roomLocked refuses a subscription too many.
func (n *Notifier) roomLocked(watcher string) *refusal {
	switch {
	case n.closed:
		return &refusal{status: 503, retryAfter: 5}
	case len(n.subs) >= n.o.Limits.Total:
		return &refusal{status: 503, retryAfter: 60}
	case n.watchers[watcher] >= n.o.Limits.PerUser:
		return &refusal{status: 403, reason: "Too Many Subscriptions"}
	}
	return nil
}

// lastsLocked has the subscription last as long as was asked for, and the phone told
// all: each SUBSCRIBE is followed by a NOTIFY (RFC 6665 section 4.2.1.2).
func (s *subscription) lastsLocked(a *ask) {
	s.owed = true
	s.untilLocked(a.now.Add(a.expires), a.now)
	if a.expires == 0 {
		s.timer.Stop()
		s.ending = "timeout"
	}
	s.n.dueLocked(s)
}

// Of returns whose subscription a request within a dialog is for, if it is one of this
// node, and whether the flow shows that it is he: it is the subscription's, or comes
// from the same address.
func (n *Notifier) Of(m *message.Message, flow transport.Flow) (watcher string, proven, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.findLocked(m)
	if s == nil {
		return "", false, false
	}
	return s.watcher, s.flow == flow || s.flow.Remote().Addr() == flow.Remote().Addr(), true
}

// findLocked returns the subscription that a request belongs to.
func (n *Notifier) findLocked(m *message.Message) *subscription {
	s := n.subs[m.ToTag()]
	if s == nil || s.callID != m.CallID() || s.remote != m.FromTag() || s.ending != "" {
		return nil
	}
	return s
}

// Resubscribe answers a SUBSCRIBE within a dialog: who watches goes on, or ends it.
func (n *Notifier) Resubscribe(tx *transaction.Server, view *store.View) {
	m := tx.Request()
	a, refused := n.read(m, view, false)
	if refused == nil {
		refused = n.goOn(tx, a)
	}
	if refused != nil {
		n.refuse(tx, refused)
	}
}

func (n *Notifier) goOn(tx *transaction.Server, a *ask) *refusal {
	m := tx.Request()
	n.mu.Lock()
	s := n.findLocked(m)
	switch {
	case s == nil || s.pkg() != a.pkg:
		n.mu.Unlock()
		return &refusal{status: 481}
	case a.number < s.heard:
		n.mu.Unlock()
		return &refusal{status: 500, reason: "CSeq Is Not New"}
	}
	n.mu.Unlock()
	n.renew(tx, a, s, "")
	return nil
}

// renew answers a SUBSCRIBE of a subscription that there is; tag is ours if the phone
// does not know it.
func (n *Notifier) renew(tx *transaction.Server, a *ask, s *subscription, tag string) {
	a.list = s.list
	n.accept(tx, a, tag)
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.gone {
		return
	}
	s.heard, s.flow, s.refused, s.deaf = a.number, tx.Flow(), false, false
	if a.target != "" && a.target != s.target {
		s.target = strings.Clone(a.target)
	}
	s.lastsLocked(a)
}

func cseqOf(m *message.Message) uint32 {
	number, _ := m.CSeq()
	return number
}

// read reads what a SUBSCRIBE asks for.
func (n *Notifier) read(m *message.Message, view *store.View, begins bool) (*ask, *refusal) {
	a := &ask{now: time.Now(), expires: n.o.Limits.Max, number: cseqOf(m)}
	if a.pkg, a.event = n.packageOf(m); a.pkg == nil {
		return nil, &refusal{status: 489}
	}
	if !accepts(m, a.pkg.Type) && !accepts(m, document.TypeMultipart) {
		return nil, &refusal{status: 406}
	}
	if value, ok := m.Header(message.Expires); ok {
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil, &refusal{status: 400, reason: "Bad Expires"}
		}
		a.expires = min(time.Duration(seconds)*time.Second, n.o.Limits.Max)
	}
	if a.expires > 0 && a.expires < n.o.Limits.Min {
		return nil, &refusal{status: 423}
	}
	return a, n.readContact(a, m, view, begins)
}

// readContact reads where NOTIFY is sent to.
func (n *Notifier) readContact(a *ask, m *message.Message, view *store.View, begins bool) *refusal {
	value, ok := m.Header(message.Contact)
	if !ok && !begins {
		return nil
	}
	address, err := message.ParseNameAddr(value)
	if err != nil {
		return &refusal{status: 400, reason: "Bad Contact"}
	}
	uri, err := message.ParseURI(address.URI)
	if err != nil || !uri.IsSIP() {
		return &refusal{status: 400, reason: "Bad Contact"}
	}
	if n.o.LeadsHere != nil && n.o.LeadsHere(view, uri) {
		return &refusal{status: 403, reason: "Contact Points At This Server"}
	}
	if len(address.URI) > maxHead/4 {
		return &refusal{status: 513}
	}
	a.target = address.URI
	return nil
}

// accepts reports whether the phone reads documents of a type. One that does not say
// reads the package's own (RFC 6665 section 3.1.3).
func accepts(m *message.Message, media string) bool {
	if !m.Has(message.Accept) {
		return true
	}
	for v := range m.Values(message.Accept) {
		kind, _, _ := strings.Cut(v, ";")
		kind = strings.TrimSpace(kind)
		general, isGeneral := strings.CutSuffix(kind, "*")
		if strings.EqualFold(kind, media) || kind == "*/*" || isGeneral && strings.HasPrefix(media, strings.ToLower(general)) {
			return true
		}
	}
	return false
}
