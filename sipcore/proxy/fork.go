package proxy

import (
	"cmp"
	"slices"
	"time"

	"carillon/sipcore/dialog"
	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/store"
)

// completedElsewhere tells a phone that stops ringing not to show a missed call
// (RFC 3326).
const completedElsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// A fork is one forwarded request with all its branches: the response context
// of RFC 3261 section 16.7. Its server transaction's lock guards it.
type fork struct {
	p      *Proxy
	tx     *transaction.Server
	m      *message.Message // the request; nil when nobody needs it any more
	origin Origin
	call   *route.Call // nil for a request within a dialog
	loose  *Loose      // nil for a request outside a dialog
	relays *Named      // nil unless the request goes from one node to another
	dialog dialog.ID   // the call that this INVITE began, if it is one
	realm  string      // whose credentials are ours to consume
	timer  session     // that the request asks for
	secure bool        // every hop is to be encrypted
	barred bool        // that kept it from somebody
	cut    bool        // a node that holds a phone is out of reach
	began  time.Time   // when it came, if it began something here
	from   string      // the From of the caller, where a carrier was shown another; "" where not

	breadth  int            // branches that may work at once, here and further on (RFC 5393)
	later    []route.Target // lower q, not tried yet
	flows    []route.Target // other flows of phones that are tried, in the order to try them
	branches []*branch
	pending  int  // branches without a final response
	starting bool // more branches are about to be opened
	best     best
	pick     *pickup // what it picks up; nil: nothing
	picker   *pickup // what picks it up, or has; nil: nothing yet
	over     bool    // a final response went upstream
	canceled bool
	stopping bool // canceled because this node ends
}

// Call carries a request outside a dialog to its callee: INVITE, MESSAGE and
// the like. tx must be locked.
func (p *Proxy) Call(tx *transaction.Server, c *route.Call, from Origin) {
	f := p.fork(tx, c.View, from, c)
	f.began, f.secure = time.Now(), isSIPS(f.m.RequestURI()) && c.Number.Kind != route.Emergency
	if !f.wantsTimer() {
		return
	}
	var v route.Verdict
	if c.Callee.Number == "" || c.Replaces != nil {
		v = p.o.Routing.Route(c)
		if no, ok := v.(route.Reject); ok {
			f.reject(no) // nobody is called
			return
		}
	}
	if f.isInvite() {
		f.trying()
		isNew := false
		if f.dialog, isNew = p.o.Calls.Invited(f.m, f.caller(), callee(c, v)); !isNew {
			f.finish(482, "Merged Request")
			return
		}
	}
	if v == nil {
		v = p.o.Routing.Route(c)
	}
	f.carryOut(v)
}

// fork begins to forward the request of tx; c is the call that it begins, or nil.
func (p *Proxy) fork(tx *transaction.Server, view *store.View, from Origin, c *route.Call) *fork {
	f := &fork{p: p, tx: tx, m: tx.Request(), origin: from, call: c, realm: view.Domain()}
	f.waiting().Add(1)
	f.breadth = breadthOf(f.m)
	tx.SetData(f)
	if f.guest() && f.isInvite() {
		p.guests.add(f)
	}
	return f
}

func (f *fork) isInvite() bool { return f.tx.Method() == message.INVITE }

// trying stops the caller's retransmissions (RFC 3261 section 16.2). To a node it
// says that this one is there, whatever the method: RFC 4320 section 4.1 allows
// that where nothing is lost.
func (f *fork) trying() {
	reply := f.m.Reply(100, "", "")
	f.tx.Answer(100, &reply)
}

// carryOut does what the pipeline decided.
func (f *fork) carryOut(v route.Verdict) {
	switch v := v.(type) {
	case route.Ring:
		if v.Call != nil {
			f.sentOn(v.Call)
		}
		v.Targets = slices.DeleteFunc(v.Targets, f.isCaller)
		slices.SortStableFunc(v.Targets, byTurn)
		f.later, f.flows = oneFlowEach(v.Targets)
		f.ringNext()
	case route.Reject:
		f.reject(v)
	case route.Take:
		f.take(&v.Talk)
	default:
		f.finishWithBest()
	}
}

// isCaller reports whether t is the phone that calls, by whichever flow: it does
// not ring when its user calls his own number. A carrier has many.
func (f *fork) isCaller(t route.Target) bool {
	if t.User == "" || t.User != f.origin.User || t.IsTrunk() {
		return false
	}
	return t.Device == f.origin.Device || t.Instance != "" && t.Instance == f.origin.Instance
}

// byTurn orders targets: those of silent nodes last, then by q.
func byTurn(a, b route.Target) int {
	if a.Silent != b.Silent {
		if a.Silent {
			return 1
		}
		return -1
	}
	return cmp.Compare(b.Q, a.Q)
}

// ringNext tries the targets of the highest q that is left, all at once, and
// goes on to the next q when none of them can even be tried. More than may work
// at once are refused.
func (f *fork) ringNext() {
	f.starting = true
	for f.pending == 0 && len(f.later) > 0 {
		n := 1
		for n < len(f.later) && byTurn(f.later[n], f.later[0]) == 0 {
			n++
		}
		group := f.later[:n]
		f.later = f.later[n:]
		if n > f.breadth {
			f.tryNoMore()
			f.best.consider(440, nil, true)
			break
		}
		f.tellHelp(group)
		for i, t := range group {
			f.ring(t, share(f.breadth, n, i))
		}
	}
	f.starting = false
	f.settle()
}

// tryNoMore leaves out who was not tried yet.
func (f *fork) tryNoMore() { f.later, f.flows = nil, nil }

// ring starts one branch, where the phone is now, by the first of its flows that
// leads somewhere. It is false when none does.
func (f *fork) ring(t route.Target, breadth int) bool {
	for ok := true; ok; t, ok = f.nextFlow(t) {
		if way, known := f.p.o.Phones.Locate(t.User, t.Device); known && f.ringAt(t, way, breadth) {
			return true
		}
	}
	return false
}

// ringAt starts one branch, at once or after dialling, if there is a way.
func (f *fork) ringAt(t route.Target, way Way, breadth int) bool {
	h := hopOf(way)
	if h.isNone() || f.bars(&h) {
		return false
	}
	if !t.IsTrunk() {
		t.URI = way.Contact
	}
	f.open(&branch{fork: f, target: t, path: h.routes(), breadth: breadth}).begin(h)
	return true
}

// open adds a branch that will end.
func (f *fork) open(b *branch) *branch {
	f.branches = append(f.branches, b)
	f.pending++
	return b
}

// settle ends the fork when no branch can change its outcome any more.
func (f *fork) settle() {
	if f.pending > 0 || f.starting {
		return
	}
	switch {
	case f.over:
		f.release()
	case f.canceled:
		f.finishWithBest()
	case len(f.later) > 0:
		f.ringNext()
	default:
		f.askAgain()
	}
}

// askAgain offers the outcome to the features; without another idea of theirs
// the best response goes to the caller.
func (f *fork) askAgain() {
	if f.mayComeBack() {
		f.best = best{}
		f.claim()
		return
	}
	if f.call == nil || !f.isInvite() || f.call.Outcome != route.None {
		f.finishWithBest()
		return
	}
	again := *f.call
	again.Outcome = f.outcome()
	f.call = &again
	v := f.p.o.Routing.Route(f.call)
	if v != nil {
		f.best = best{} // what was tried before is not what the caller is told
	}
	f.carryOut(v)
}

// finishWithBest sends the best response of the branches, or says that nobody
// could be reached.
func (f *fork) finishWithBest() {
	switch {
	case f.stopping:
		f.turnAway()
	case f.best.status == 503 && f.wentOut() || f.best.status == 0 && f.wentOut() && !f.canceled:
		f.reject(noLine())
	case f.best.status == 503:
		f.finish(500, "") // a phone's trouble is not the whole system's (RFC 3261 section 16.7 step 6)
	case f.best.response != nil:
		f.decided()
		f.ended(f.best.response.Status())
		f.relayBest()
		f.release()
	case f.canceled:
		f.finish(487, "")
	case f.best.status != 0 && f.best.status != 480:
		f.finish(f.best.status, "")
	case f.guest():
		f.finish(flowFailed, "")
	case f.barred:
		f.finishSaying(480, "", message.Warning, sipsNotAllowed(f.p.o.Node))
	default:
		f.finish(480, "")
	}
}

// relayBest passes the best response on.
func (f *fork) relayBest() {
	m := f.best.response
	e := m.Edit()
	f.strip(&e, m, f.best.clean)
	if m.Status() == 401 || m.Status() == 407 {
		f.best.addOtherChallenges(&e)
	}
	f.send(m, &e)
}

// finish answers the request ourselves.
func (f *fork) finish(status int, reason string) {
	f.decided()
	f.ended(status)
	if status == 408 && !f.isInvite() {
		f.tx.Drop() // the caller's own timer has run out too (RFC 4320 section 4.1)
		return
	}
	Respond(f.tx, status, reason)
	f.release()
}

// finishSaying answers the request ourselves, with one header field more.
func (f *fork) finishSaying(status int, reason string, name message.Name, value string) {
	f.decided()
	f.ended(status)
	reply := f.m.Reply(status, reason, f.tx.Tag())
	reply.Add(name, value)
	f.tx.Answer(status, &reply)
	f.release()
}

// decided notes that the final response is known.
func (f *fork) decided() {
	f.over = true
	f.waiting().Add(-1)
	if f.pick != nil {
		f.pick.letGo()
	}
	if f.guest() && f.isInvite() {
		f.p.guests.remove(f)
	}
}

// release lets go of what only a fork at work needs: from now on nothing but
// retransmissions can come.
func (f *fork) release() { f.m, f.call, f.branches, f.best = nil, nil, nil, best{} }

// ended tells the table of calls that this INVITE came to nothing, or that a
// BYE took the call down; status is the answer.
func (f *fork) ended(status int) {
	calls := f.p.o.Calls
	ended, endedBy := calls.Ended, calls.EndedBy
	if nobodyHeard(status) && !f.canceled {
		ended, endedBy = calls.Failed, calls.UnheardBy
	}
	ended(f.dialog)
	f.tellHelpless()
	if f.loose != nil && f.tx.Method() == message.BYE {
		endedBy(f.m)
		f.tellOthers()
	}
}

// nobodyHeard reports whether an answer says that a request has reached nobody.
func nobodyHeard(status int) bool {
	return status == 408 || status == flowFailed || status == 480 || status >= 500 && status < 600
}

// tellOthers lets the nodes know of a BYE that have been on the way of this call
// and are not any more, because a phone has moved: one has the call in its table.
func (f *fork) tellOthers() {
	if f.guest() {
		return // who sent it here does
	}
	for _, w := range f.loose.others {
		node, ok := f.p.o.Peers.NodeAt(w.at)
		goesThere := func(b *branch) bool { return b.peer.node == node }
		if !ok || node == f.p.o.Node || slices.ContainsFunc(f.branches, goesThere) {
			continue
		}
		aside := &fork{p: f.p, loose: f.loose, realm: f.realm, origin: f.origin}
		f.p.send(aside, f.m, peer{node: node, token: w.text, over: true}, itself)
	}
}

// Cancel takes back an INVITE (RFC 3261 section 16.10), with or without a CANCEL.
// tx must be locked. The caller hears 487 from the phones, or a 200 that was
// already on its way.
func (p *Proxy) Cancel(tx *transaction.Server, cancel *message.Message) {
	f, ok := tx.Data().(*fork)
	if !ok || f.over {
		return
	}
	reason := ""
	if cancel != nil {
		reason, _ = cancel.Header(message.Reason)
	}
	if f.picker != nil && f.picker.taken.Load() {
		reason = completedElsewhere // it lets go what was picked up
	}
	f.cancel(reason)
}

func (f *fork) cancel(reason string) {
	f.canceled = true
	f.p.o.Calls.Canceled(f.dialog)
	f.tryNoMore()
	f.cancelOthers(nil, reason)
	f.settle()
}

// cancelOthers stops every branch but the given one.
func (f *fork) cancelOthers(but *branch, reason string) {
	for _, b := range f.branches {
		if b != but {
			b.cancel(reason)
		}
	}
}
