package proxy

import (
	"time"

	"carillon/sipcore/auth"
)

// This file finds another way for a branch to a phone whose node turned out to be
// none. There are three, each taken once, in this order: to where the phone is by
// now; past the silent node to its Contact, where that is known and can be asked;
// and through a main, which may reach the node, or the phone.

// contactPatience is how long a phone that is asked past its node may take to say
// anything: over UDP it was asked four times then.
const contactPatience = 4 * time.Second

// A loss says why a node is no way to a phone.
type loss uint8

const (
	refused loss = iota // it said that it does not reach the phone
	silent              // it is not reached, or does not even say 100
	broken              // the connection broke before any answer: another one may do
)

// lost ends a branch whose node is no way to its phone, and starts another one, if
// there is a way left.
func (b *branch) lost(how loss) {
	next, h := b.detour(how)
	if next == nil {
		b.fork.cut = b.fork.cut || how != refused && !b.target.IsTrunk()
		b.end(b.nowhere(), nil)
		return
	}
	b.fork.open(next)
	b.end(0, nil)
	next.begin(h)
}

func (b *branch) detour(how loss) (next *branch, h hop) {
	f := b.fork
	if f.over || f.canceled || f.guest() && !f.passesOn() {
		return nil, hop{}
	}
	h = f.whereNow(b)
	switch isThere := h.node == b.holder(); {
	case h.isNone():
	case !f.guest() && !b.again && (!isThere || how == broken):
		next = b.to(&h)
		next.again, next.past, next.around = true, "", false
	case !isThere || how == refused || f.loose != nil:
	case b.past == "" && h.uri != "":
		h.node = ""
		next = b.to(&h)
		next.past = b.peer.node
		if f.relays != nil {
			user := f.relays.Token.User
			f.relays = nil // what was to be passed on is delivered
			f.delivers(user)
		}
	case !f.guest() && !b.around:
		next = b.to(&h)
		next.around = true
	}
	return next, h
}

// passesOn reports whether the request begins something and is on its way from one
// node to another.
func (f *fork) passesOn() bool { return f.relays != nil && f.relays.Token.Kind == auth.Path }

// holder is the node that has the phone of b.
func (b *branch) holder() string {
	if b.peer.node == "" {
		return b.past
	}
	return b.peer.node
}

// atContact reports whether b goes to a phone past its node.
func (b *branch) atContact() bool { return b.past != "" && b.peer.node == "" }

// to returns another branch to the phone of b, by h.
func (b *branch) to(h *hop) *branch {
	next := &branch{
		fork: b.fork, target: b.target, breadth: b.breadth, path: h.routes(),
		again: b.again, past: b.past, around: b.around, picks: b.picks,
	}
	if b.fork.loose == nil && !b.target.IsTrunk() {
		next.target.URI = h.contact
	}
	return next
}

// whereNow looks for the phone of b once more.
func (f *fork) whereNow(b *branch) hop {
	if f.loose != nil {
		return f.p.nextHop(f.loose, f.origin.Flow)
	}
	way, ok := f.p.o.Phones.Locate(b.target.User, b.target.Device)
	if !ok {
		return hop{}
	}
	return hopOf(way)
}
