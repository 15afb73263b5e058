package proxy

import (
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
)

// This file does what RFC 4028 section 8 asks of a proxy that wants every call
// to have an end, also one whose phones have vanished: it asks for a session
// timer where the caller does not, and tells him when the callee knows of none.

const (
	// usualSession is the session interval that we ask for, in seconds.
	usualSession = 1800
	// shortestSession is the least that there is (RFC 4028 section 5).
	shortestSession = 90
)

// A session is the timer that an INVITE or UPDATE asks for. The zero session is
// none: the request is of another method, or it begins a call that another node
// admitted, which has seen to it.
type session struct {
	interval uint32 // seconds, as the request says when it leaves
	known    bool   // its sender supports session timers
}

// wantsTimer decides about the session timer of the fork's request. It reports
// false when it has answered: the interval is too brief, and the sender one who
// can be told (RFC 4028 section 8.1).
func (f *fork) wantsTimer() bool {
	if method := f.tx.Method(); method != message.INVITE && method != message.UPDATE {
		return true
	}
	f.timer.known = f.m.HasToken(message.Supported, "timer")
	f.timer.interval = intervalFor(f.m)
	if asked := deltaSeconds(f.m, message.SessionExpires); f.timer.known && asked != 0 && asked < shortestSession {
		f.finishSaying(422, "", message.MinSE, strconv.Itoa(shortestSession))
		return false
	}
	return true
}

// intervalFor returns the interval that m is to leave with. One that cannot be
// read is left to the callee.
func intervalFor(m *message.Message) uint32 {
	least := max(shortestSession, deltaSeconds(m, message.MinSE))
	if !m.Has(message.SessionExpires) {
		return max(usualSession, least)
	}
	asked := deltaSeconds(m, message.SessionExpires)
	if asked == 0 || asked >= shortestSession {
		return asked
	}
	return least
}

// ask writes the interval into the request, unless it says so already. For a
// sender who knows no timers, a Min-SE goes with one that had to be raised.
func (s session) ask(e *message.Edit, m *message.Message) {
	switch {
	case s.interval == 0:
	case !m.Has(message.SessionExpires):
		e.Append(message.SessionExpires, s.text())
	case deltaSeconds(m, message.SessionExpires) != s.interval:
		e.SetFirst(message.SessionExpires, s.text())
		e.SetFirst(message.MinSE, s.text())
	}
}

func (s session) text() string {
	if s.interval == usualSession {
		return "1800" // nearly always
	}
	return strconv.FormatUint(uint64(s.interval), 10)
}

// keepTime notes how long the session lasts that a 2xx begins or refreshes. When
// the callee knows no timers but the caller does, it is the caller who refreshes,
// and the response tells him so (RFC 4028 section 8.2). user is whose phone answers.
func (f *fork) keepTime(e *message.Edit, m *message.Message, user string) {
	lasts := deltaSeconds(m, message.SessionExpires)
	if lasts == 0 && f.timer.known && f.timer.interval != 0 {
		lasts = f.timer.interval
		e.Append(message.SessionExpires, f.timer.text()+";refresher=uac")
		e.Append(message.Require, "timer")
	}
	switch d := time.Duration(lasts) * time.Second; {
	case f.dialog != "":
		f.p.o.Calls.Answered(f.dialog, d, user, m.ToTag())
	case f.tx.Method() == message.INVITE || f.tx.Method() == message.UPDATE:
		f.p.o.Calls.Refreshed(m, d)
	}
}

// deltaSeconds is what a Session-Expires or Min-SE says, 0 when it is missing or
// not to be read.
func deltaSeconds(m *message.Message, name message.Name) uint32 {
	if !m.Has(name) {
		return 0
	}
	value, _ := m.Header(name)
	digits, _, _ := strings.Cut(value, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
