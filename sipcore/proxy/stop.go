package proxy

import (
	"sync/atomic"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
)

// waiting is the count of requests that f belongs to.
func (f *fork) waiting() *atomic.Int64 {
	switch {
	case !f.isInvite():
		return &f.p.pending
	case f.isForHelp():
		return &f.p.helping
	}
	return &f.p.ringing
}

// StopRinging takes back every INVITE without a final response, because this
// node ends: the phones are cancelled, and when they have said so the caller is
// told to try elsewhere. A call for help goes on.
func (p *Proxy) StopRinging() {
	p.eachRinging(func(f *fork) {
		if !f.isForHelp() {
			f.stopping = true
			f.cancel("")
		}
	})
}

// Dismiss answers what StopRinging has left: the callers of phones that do not
// say anything, and with helpToo those who call for help.
func (p *Proxy) Dismiss(helpToo bool) {
	p.eachRinging(func(f *fork) {
		if helpToo || !f.isForHelp() {
			f.cancelOthers(nil, "")
			f.turnAway()
		}
	})
}

func (p *Proxy) eachRinging(do func(*fork)) {
	for _, tx := range p.o.Transactions.Invites() {
		tx.Do(func() {
			if f, ok := tx.Data().(*fork); ok && !f.over {
				do(f)
			}
		})
	}
}

// Abort takes back what was begun for a request in whose handling something has
// panicked: it is in no table any more, and its phones stop ringing. tx must be
// locked.
func (p *Proxy) Abort(tx *transaction.Server) {
	f, ok := tx.Data().(*fork)
	if !ok {
		return
	}
	if tx.Final() == 0 {
		p.o.Calls.Ended(f.dialog) // its caller will hear 500, and no answer
	}
	if f.over {
		return
	}
	f.decided()
	f.tryNoMore()
	f.cancelOthers(nil, "")
}

// turnAway tells a caller, or another node, that the call may succeed elsewhere.
func (f *fork) turnAway() {
	if f.guest() {
		f.finish(flowFailed, "")
		return
	}
	f.finishSaying(503, "", message.RetryAfter, "5")
}
