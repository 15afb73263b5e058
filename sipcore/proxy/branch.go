package proxy

import (
	"strconv"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/resolve"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// timerC is how long a branch may ring (RFC 3261 section 16.6 step 11 demands
// more than three minutes).
const timerC = 185 * time.Second

// nodePatience is how long another node may take to say 100.
const nodePatience = 2 * time.Second

// A branch is one copy of a request on its way to one phone. It implements
// [transaction.ClientUser]; its fork's lock guards it.
type branch struct {
	fork    *fork
	target  route.Target
	path    []string
	breadth int                 // what it may fork into, itself included
	peer    peer                // the node that the request goes to; zero: to a phone
	client  *transaction.Client // nil while dialling
	timer   transaction.Timer   // timer C
	hops    []resolve.Hop       // of the name that was dialled: the one it goes to, and those to try after it
	sized   bool                // its request goes by this flow, however large
	rang    bool                // a provisional response came
	rings   bool                // one that says more than that the request has arrived
	over    bool                // a final response came, or none will
	lit     bool                // it rings, and lamps show that
	dark    bool                // no lamp shows it any more
	again   bool                // it goes to where the phone was found when one was lost
	past    string              // the silent node past which the phone is, or was, asked at its Contact; empty: none
	around  bool                // it goes, or went, through a node that passes it on
	picks   bool                // it goes to the phone that picks the call up
}

// start sends the request on flow. INVITEs get timer C; a node has nodePatience.
func (b *branch) start(flow transport.Flow) {
	f := b.fork
	m := f.m
	id := transaction.NewBranch()
	if f.loose == nil {
		id += "." + strconv.FormatUint(uint64(f.p.mark(m)), 16)
	}
	raw := f.rewrite(m, flow, id, b, &b.peer)
	if len(raw) > largeRequest && flow.Kind() == transport.UDP && b.byStream(flow) {
		f.p.o.Transactions.Free(raw)
		return
	}
	if patience := b.patience(); patience > 0 {
		b.timer.Set(f.p.o.Wheel, patience, b)
	}
	b.client = f.p.o.Transactions.Start(f.tx, flow, m.Method(), id, raw, b)
}

// begin starts the branch on its way.
func (b *branch) begin(h hop) {
	switch {
	case b.fork.bars(&h):
		b.end(480, nil)
	case h.node != "":
		b.toNode(h.node, h.uri != "")
	case !h.flow.IsZero():
		b.start(h.flow)
	case h.uri != "":
		b.dial(h.uri, h.kind)
	default:
		b.end(480, nil)
	}
}

// patience is how long the first provisional response may take; 0 is as long as
// the transaction.
func (b *branch) patience() time.Duration {
	switch {
	case b.peer.node != "":
		return nodePatience
	case b.target.IsTrunk() && b.fork.isInvite():
		return b.fork.patienceOut()
	case b.isPickup():
		return pickPatience
	case b.fork.isInvite() && len(b.hops) > 1:
		return hopPatience
	case b.atContact():
		return contactPatience
	case b.fork.isInvite():
		return timerC
	}
	return 0
}

// Expire implements [transaction.Expirer]: timer C has run out, or the time of a
// node to say 100.
func (b *branch) Expire(*transaction.Timer) { b.fork.tx.Do(b.expire) }

func (b *branch) expire() {
	if !b.timer.Expired() || b.over {
		return
	}
	switch {
	case b.isStuck():
		b.passBy()
		return
	case b.rang:
		b.darken()
		b.client.Cancel("")
		return
	case b.peer.node != "":
		b.passOver()
		return
	case b.nextServer():
		b.client.Cancel("") // should it answer after all
		b.end(0, nil)
		return
	case b.isPickup():
		b.client.Cancel("")
		b.end(408, nil)
		b.fork.settle()
		return
	case b.atContact():
		b.client.Cancel("")
		b.lost(silent)
		b.fork.settle()
		return
	case b.target.IsTrunk():
		b.client.Cancel("")
		b.noLine("it does not answer")
		b.fork.settle()
		return
	}
	b.end(408, nil)
	b.fork.settle()
}

// Response implements [transaction.ClientUser].
func (b *branch) Response(_ *transaction.Client, m *message.Message) {
	f := b.fork
	if len(b.hops) > 0 && m.Status() != 503 {
		f.p.o.Resolver.OK(b.hops[0])
	}
	switch status := m.Status(); {
	case isOnlyOurs(m):
		b.unusable(status)
	case status < 200:
		b.provisional(m)
	case status < 300:
		b.success(m)
	case b.over:
	case status == flowFailed && b.peer.node != "":
		b.lost(refused)
		f.settle()
	case status == 503 && b.nextServer(), b.picks:
		b.end(0, nil)
		f.settle()
	case status == 401 || status == 407:
		b.challenged(m)
		f.settle()
	default:
		b.end(status, m)
		if b.isAnswered(status) {
			f.tryNoMore()
		}
		f.settle()
	}
}

// unusable ends the branch when its final response has no Via but ours: there
// is nobody to forward it to (RFC 3261 section 16.7 step 3).
func (b *branch) unusable(status int) {
	if status >= 200 && !b.over {
		b.end(500, nil)
		b.fork.settle()
	}
}

// challenged takes a 401 or 407. A phone may ask for a password of its own, but
// not for ours: the caller's answer would be good for any call in his name.
func (b *branch) challenged(m *message.Message) {
	if b.target.IsTrunk() {
		b.noLine("it asks for a password")
		return
	}
	if asksFor(m, b.fork.realm) {
		b.fork.p.o.Logger.Warn("a phone asks for our password", "user", b.target.User)
		b.end(403, nil)
		return
	}
	b.fork.best.challenged(m)
	b.end(m.Status(), m)
}

// provisional passes a 101 to 199 on; a 100 is for this hop only.
func (b *branch) provisional(m *message.Message) {
	f := b.fork
	again := b.rang
	b.rang, b.rings = true, b.rings || m.Status() > 100
	switch {
	case b.over:
	case b.isStuck() && again: // its time runs
	case f.isInvite():
		b.timer.Set(f.p.o.Wheel, b.ringTime(), b)
	default:
		b.timer.Stop()
	}
	if m.Status() > 100 && !f.over {
		b.light(m)
		f.relay(m, b.isClean())
	}
}

// ringTime is how long the next response may take, behind one that is not final.
func (b *branch) ringTime() time.Duration {
	switch {
	case b.isStuck():
		return helpPatience
	case b.isPickup():
		return pickPatience
	}
	return timerC
}

// isClean reports whether what comes back was looked at by another node.
func (b *branch) isClean() bool { return b.peer.node != "" }

// success passes a 2xx on at once, every one of an INVITE, and stops the other
// branches (RFC 3261 section 16.7 step 5 and 10).
func (b *branch) success(m *message.Message) {
	f := b.fork
	if f.over && !f.isInvite() {
		b.end(0, nil)
		f.settle()
		return
	}
	if !b.over {
		b.lit = false // the answer shows more
		b.end(0, nil)
	}
	if !f.over {
		if f.pick != nil {
			f.pick.has()
		}
		f.decided()
		f.tryNoMore()
		if f.isInvite() {
			f.cancelOthers(b, completedElsewhere)
		} else {
			f.ended(m.Status())
		}
	}
	e := m.Edit()
	f.strip(&e, m, b.isClean())
	b.introducePicker(&e)
	f.keepTime(&e, m, b.user())
	f.send(m, &e)
	f.settle()
}

// Failed implements [transaction.ClientUser]: no final response will come.
func (b *branch) Failed(_ *transaction.Client, err error) {
	if b.over {
		return
	}
	b.fork.p.o.Logger.Debug("branch failed", "user", b.target.User, "error", err)
	switch status := failureStatus(err); {
	case !b.rang && b.nextServer():
		b.end(0, nil)
	case status == 480 && b.peer.node != "" && !b.rang:
		b.lost(broken)
	case status == 480 && b.atContact() && !b.rang:
		b.lost(silent)
	case b.target.IsTrunk() && !b.rang:
		b.noLine("it is not reached")
	default:
		b.end(status, nil)
	}
	b.fork.settle()
}

// cancel stops the branch: one that never left is over at once, one that did
// is over when its phone says so.
func (b *branch) cancel(reason string) {
	b.darken()
	switch {
	case b.over:
	case b.client == nil:
		b.end(0, nil)
	case b.fork.isInvite():
		b.client.Cancel(reason)
	}
}

// end closes the branch. status 0 adds nothing to the choice of the best
// response.
func (b *branch) end(status int, response *message.Message) {
	f := b.fork
	b.over = true
	b.darken()
	b.timer.Stop()
	f.pending--
	if b.picks {
		status = 0 // the others ring on, and that is what the caller hears
		f.forgetPicker()
	}
	if status == 0 || b.byOtherFlow(status, response) {
		return
	}
	f.best.consider(status, response, b.isClean())
	if b.isFinal(status) {
		f.tryNoMore()
		f.cancelOthers(b, "")
	}
}
