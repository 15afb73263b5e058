package sipcore

import (
	"bytes"
	"net/netip"
	"time"

	"carillon/sipcore/message"
	"carillon/store"
)

// This file lets calls for help in from where nobody is heard: from an address that
// is banned, or that sends too much. That is so much and no more: guard has the
// figures, and help.go says which of these calls is carried.

const (
	longestStart = 512              // of a message: what is looked at to see whom it calls
	bannedWait   = 30 * time.Second // what is said to who tries a password nevertheless
)

// isBanned reports whether an address is kept out.
func (d *defence) isBanned(a netip.Addr, now time.Time) bool {
	_, stranger := d.standing(a)
	return stranger && d.bans.Covers(a, now)
}

// isCry counts a message that would not be read otherwise, and reports whether it is:
// one that calls for help, or that goes on with such a call. A REGISTER is none, nor
// is an INVITE to anybody else.
func (d *defence) isCry(from netip.Addr, raw []byte, now time.Time) bool {
	method, rest, _ := bytes.Cut(raw[:min(len(raw), longestStart)], []byte(" "))
	switch string(method) {
	case "INVITE":
		uri, _, whole := bytes.Cut(rest, []byte(" "))
		return whole && mayCallHelp(d.store.View(), string(uri)) && d.guard.HearsCry(from, now)
	case "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "SIP/2.0":
		return d.guard.HearsMore(from, now)
	}
	return false
}

// mayCallHelp reports whether a Request-URI names a service for emergencies, as it is
// dialled somewhere.
func mayCallHelp(view *store.View, uri string) bool {
	if isSOS(uri) {
		return true
	}
	u, err := message.ParseURI(uri)
	return err == nil && view.MayBeEmergency(numberOf(u))
}

// mayCry reports whether who is not in a network of ours may call for help without a
// password, and counts it.
func (d *defence) mayCry(from netip.Addr, now time.Time) bool {
	_, stranger := d.standing(from)
	return !stranger || d.guard.Cry(from, now)
}
