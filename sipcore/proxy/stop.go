package proxy

import (
	"sync/atomic"

	"carillon/sipcore/message"
)

// waiting is the count of requests that f belongs to.
func (f *fork) waiting() *atomic.Int64 {
	if f.isInvite() {
		return &f.p.ringing
	}
	return &f.p.pending
}

// StopRinging takes back every INVITE without a final response, because this
// node ends: the phones are cancelled, and when they have said so the caller is
// told to try elsewhere.
func (p *Proxy) StopRinging() {
	p.eachRinging(func(f *fork) {
		f.stopping = true
		f.cancel("")
	})
}

// Dismiss answers what StopRinging has left: the callers of phones that do not
// say anything.
func (p *Proxy) Dismiss() {
	p.eachRinging(func(f *fork) {
		f.cancelOthers(nil, "")
		f.turnAway()
	})
}

func (p *Proxy) eachRinging(do func(*fork)) {
	for _, tx := range p.o.Transactions.Invites() {
		tx.Lock()
		if f, ok := tx.Data().(*fork); ok && !f.over {
			do(f)
		}
		tx.Unlock()
	}
}

// turnAway tells a caller, or another node, that the call may succeed elsewhere.
func (f *fork) turnAway() {
	if f.guest() {
		f.finish(flowFailed, "")
		return
	}
	f.finishSaying(503, message.RetryAfter, "5")
}
