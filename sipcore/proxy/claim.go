package proxy

import (
	"context"
	"slices"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
)

// A claim is what a call that rings says to who wants it.
type claim struct {
	status int // why he does not get it; 0: he does
	reason string

	rings  *fork
	asks   bool         // the caller's phone can be asked: target, by way
	target route.Target // of the caller
	way    Way
}

// claim asks for the call, and goes on with what it says.
func (f *fork) claim() {
	f.starting = true
	var c claim
	pick := f.pick
	ok := f.p.Await(f.tx, func(context.Context) error {
		c = f.p.claim(pick)
		return nil
	}, func(err error) {
		f.starting = false
		f.claimed(&c, err)
	})
	if !ok {
		f.starting = false
		f.finish(480, "")
	}
}

// claim looks for the call that pick is about, and has it say who gets it.
func (p *Proxy) claim(pick *pickup) claim {
	c := claim{status: 481, reason: "No Such Call Rings"}
	if p.o.Calls.IsUp(pick.callID, pick.tag) {
		c = claim{status: 486, reason: "Answered Already"}
	}
	p.eachRinging(func(f *fork) {
		if c.rings == nil && f.call != nil && f.dialog.IsOf(pick.callID, pick.tag) {
			c = f.claimedBy(pick)
		}
	})
	return c
}

// claimedBy decides about a call that rings: the first has it, unless it comes to
// nothing.
func (f *fork) claimedBy(pick *pickup) claim {
	c := claim{rings: f}
	switch {
	case f.canceled:
		return claim{status: 481, reason: "The Caller Has Hung Up"}
	case f.picker != nil && f.picker != pick:
		return claim{status: 486, reason: "Somebody Else Was Quicker"}
	case !pick.asked && f.canBeReplaced():
		c.asks, c.way = true, f.wayToCaller()
		c.target = route.Target{URI: c.way.Contact, User: f.origin.User, Device: f.origin.Device}
	case f.ringsAt(pick.by):
		return claim{status: 486, reason: "It Rings At That Phone Already"}
	default:
		h := hopOf(f.p.wayTo(pick))
		if h.isNone() || f.bars(&h) {
			return claim{status: 480, reason: "That Phone Cannot Be Called"}
		}
	}
	f.picker = pick
	return c
}

// canBeReplaced reports whether the caller's phone knows what to do when its call is
// picked up. Of a carrier nobody believes that.
func (f *fork) canBeReplaced() bool {
	return f.m.HasToken(message.Supported, "replaces") && !f.call.Incoming
}

// wayToCaller leads back to who sent the request.
func (f *fork) wayToCaller() Way {
	if way, ok := f.p.o.Phones.Locate(f.origin.User, f.origin.Device); ok && !way.Flow.IsZero() {
		return way
	}
	return wayBack(f.m, f.origin)
}

// ringsAt reports whether a branch goes to a phone.
func (f *fork) ringsAt(phone Origin) bool {
	return phone.User != "" && slices.ContainsFunc(f.branches, func(b *branch) bool {
		return !b.over && b.target.User == phone.User && b.target.Device == phone.Device
	})
}

// wayTo leads to the phone that picks up.
func (p *Proxy) wayTo(pick *pickup) Way {
	if way, ok := p.o.Phones.Locate(pick.by.User, pick.by.Device); ok {
		return way
	}
	return pick.way
}

// claimed goes on with what the call has said.
func (f *fork) claimed(c *claim, err error) {
	if c.rings != nil {
		f.pick.rings = c.rings
	}
	switch {
	case f.over:
		f.pick.letGo()
	case f.canceled:
		f.settle()
	case err != nil:
		f.finish(500, "")
	case c.status != 0:
		f.finish(c.status, c.reason)
	case c.asks:
		f.askCaller(c)
	default:
		f.comesBack()
	}
}

// askCaller has the caller's phone answer the INVITE that picks up.
func (f *fork) askCaller(c *claim) {
	f.pick.asked = true
	if f.guest() {
		f.delivers(c.target.User)
	}
	f.starting = true
	f.ringAt(c.target, c.way, f.breadth)
	f.starting = false
	f.settle()
}

// mayComeBack reports whether the caller's phone was asked and has refused, so that the
// call can still be picked up the other way.
func (f *fork) mayComeBack() bool {
	return f.pick != nil && f.pick.rings != nil && f.pick.asked && (f.best.response != nil || f.best.status == 0)
}

// comesBack ends an INVITE that picks up, and has the caller's ring at the phone that
// sent it. That one is free by then: a phone answers by itself when it is.
func (f *fork) comesBack() {
	pick := f.pick
	rings := pick.rings
	pick.rings = nil
	f.finishSaying(487, "Picked Up", message.Reason, `SIP;cause=487;text="Picked up: the call comes to this phone"`)
	f.p.later(rings, func() { rings.ringPicker(pick) })
}

// ringPicker has the call ring at the phone that picks it up, beside all others.
func (f *fork) ringPicker(pick *pickup) {
	if f.over || f.canceled || f.picker != pick {
		return
	}
	way := f.p.wayTo(pick)
	h := hopOf(way)
	b := f.open(&branch{
		fork: f, picks: true, path: h.routes(), breadth: 1,
		target: route.Target{URI: way.Contact, User: pick.by.User, Device: pick.by.Device},
	})
	b.begin(h)
	f.settle()
}

// letGo gives a call back that was claimed: it rings on, and others may pick it up.
func (pick *pickup) letGo() {
	rings := pick.rings
	if rings == nil {
		return
	}
	pick.rings = nil
	rings.p.later(rings, func() {
		if rings.picker == pick {
			rings.picker = nil
		}
	})
}

// has takes the call for good: it rings nowhere any more. The caller's phone lets it
// go by itself; one that does not is helped.
func (pick *pickup) has() {
	rings := pick.rings
	if rings == nil {
		return
	}
	pick.rings = nil
	pick.taken.Store(true)
	rings.p.later(rings, func() {
		if !rings.over && !rings.canceled {
			rings.cancel(completedElsewhere)
		}
	})
}

// later calls do with f locked, when the lock that is held now is free again.
func (p *Proxy) later(f *fork, do func()) {
	p.dials.Go(func() {
		defer p.recovered()
		f.tx.Do(do)
	})
}
