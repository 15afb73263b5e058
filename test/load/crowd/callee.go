package crowd

import (
	"errors"
	"time"

	"carillon/test/house/wire"
)

// invited is the beginning of a call at the phone that is called.
func (p *phone) invited(m wire.Message) {
	p.crowd.under.Add(1)
	l := p.newLeg(m.Get("Call-ID"), readPlan(m.Get("Subject")), false, func(err error) {
		if err != nil {
			p.crowd.fail("called over " + p.transport + ": " + err.Error())
		}
		p.crowd.under.Add(-1)
	})
	l.mu.Lock()
	l.invite, l.remote = m, m.Get("From")
	l.local = m.Get("To") + ";tag=" + l.tag
	l.target, l.routes = wire.AddrURI(m.Get("Contact")), m.All("Record-Route")
	l.mu.Unlock()
	l.say(180, "Ringing")
	switch l.plan.end {
	case engaged:
		l.final(486, "Busy Here")
	case givenUp: // rings until the caller has enough
	default:
		time.AfterFunc(l.plan.ring, func() { l.final(200, "OK") })
	}
}

// say answers the INVITE.
func (l *leg) say(status int, reason string) string {
	lines := []wire.Header{{Name: "Contact", Value: l.phone.contact()}}
	if status == 200 {
		lines = append(lines, wire.Header{Name: "Content-Type", Value: "application/sdp"})
	}
	return l.phone.respond(l.invite, status, reason, l.tag, lines...)
}

// final answers the INVITE for good, and repeats that until it is acknowledged.
func (l *leg) final(status int, reason string) {
	l.mu.Lock()
	decided := l.up || l.gaveUp || l.over
	l.up, l.gaveUp = l.up || status < 300, l.gaveUp || status >= 300
	l.mu.Unlock()
	if decided {
		return
	}
	text := l.say(status, reason)
	// RFC 3261 section 13.3.1.4: a 2xx is repeated over any transport.
	again := l.phone.repeat(text, status < 300 || l.phone.transport == "udp", func() {
		l.end(errors.New("no ACK came for " + reason))
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.acked {
		again.stop()
	}
	l.unacked = again
}

// acknowledged: the ACK has come.
func (l *leg) acknowledged() {
	l.mu.Lock()
	l.unacked.stop()
	first := !l.acked
	l.acked = true
	up, gaveUp := l.up, l.gaveUp
	l.mu.Unlock()
	switch {
	case l.calls || !first:
	case gaveUp:
		l.end(nil)
	case up && l.plan.end == calleeHangsUp:
		time.AfterFunc(l.plan.talk, l.hangUp)
	}
}

// cancelled: the caller has given up.
func (l *leg) cancelled() { l.final(487, "Request Terminated") }
