package sipcore

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// sessionEnds is after how long nobody remembers a call whose phones are not there: 90 s,
// and what it takes to look.
const sessionEnds = 100 * time.Second

// ringingEnds is the same for a call that nobody has answered yet.
const ringingEnds = 270 * time.Second

// A talk is what a handset knows of a call. Its handset's lock guards it.
type talk struct {
	*handset

	affair        *affair
	calls         bool
	callID        string
	tag           string // its own
	local, remote string
	target        string
	routes        []string
	cseq          int // of the INVITE
	invite        wire.Message
	state         live.DialogState
	acked         bool
	canceled      bool
	heard         time.Time // of the other side
	plan          plan
	manner        manner
}

// A plan is what a caller does.
type plan struct {
	gives, talks time.Duration // until it gives up, and hangs up
	stays        bool          // it does not hang up
	replaces     string
	again        string // whom it calls with the same Call-ID when it has given up
	reuse        *talk
	holds        bool
	repeats      bool // the INVITE is sent twice
	onUp         func(x *talk)
}

// call calls a number.
func (h *handset) call(number string, p plan) *talk {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.callLocked(number, p)
}

func (h *handset) callLocked(number string, p plan) *talk {
	if h.off || h.conn == nil {
		return nil
	}
	x := &talk{handset: h, calls: true, callID: h.text(), tag: h.text(), state: live.Trying, plan: p}
	if p.reuse != nil {
		x.callID, x.tag = p.reuse.callID, p.reuse.tag
	}
	uri := "sip:" + number + "@" + villageDomain
	if h.user == "" {
		uri = "sip:" + number + "@" + addrOf(h.node).String()
	}
	m := h.request("INVITE", uri, "<"+uri+">", x.callID, x.tag)
	keepsTime(&m)
	if p.replaces != "" {
		m.Add("Replaces", p.replaces)
	}
	x.invite, x.local, x.cseq = m, m.Get("From"), m.CSeq()
	x.affair = h.v.affair(m, h.node)
	h.talks = append(h.talks, x)
	h.asks(m, x.isAnswered)
	if p.repeats {
		x.later(30*time.Millisecond, func() {
			if x.state == live.Trying && !x.canceled {
				h.sends(m, h.conn)
			}
		})
	}
	if p.gives > 0 {
		x.later(p.gives, x.givesUp)
	}
	return x
}

// keepsTime asks for a session timer.
func keepsTime(m *wire.Message) {
	m.Add("Supported", "timer")
	m.Add("Session-Expires", "90;refresher=uac")
}

// later does something with the handset's lock held, if it still has power.
func (x *talk) later(d time.Duration, f func()) {
	time.AfterFunc(d, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if !x.off {
			f()
		}
	})
}

// givesUp sends CANCEL, if nobody has answered.
func (x *talk) givesUp() {
	if x.state == live.Terminated || x.state == live.Confirmed || x.canceled {
		return
	}
	x.canceled = true
	x.affair.change(func() { x.affair.canceled = true })
	m := x.invite.Clone()
	m.Start = strings.Replace(m.Start, "INVITE", "CANCEL", 1)
	m.Set("CSeq", strings.Replace(m.Get("CSeq"), "INVITE", "CANCEL", 1))
	m.Headers = slices.DeleteFunc(m.Headers, func(f wire.Header) bool { return f.Name == "Session-Expires" || f.Name == "Supported" })
	x.sends(m, x.conn)
	if x.plan.again != "" {
		x.callLocked(x.plan.again, plan{reuse: x, gives: 20 * time.Second, talks: 4 * time.Second})
	}
}

// isAnswered takes an answer to the INVITE.
func (x *talk) isAnswered(m wire.Message) {
	tag := wire.Param(m.Get("To"), "tag")
	switch status := m.Status(); {
	case status == 100:
	case status < 200:
		if x.state == live.Trying && !x.canceled {
			x.state = live.Early
		}
	case status < 300:
		x.isTaken(m, tag)
	default:
		ack := x.invite.Clone()
		ack.Start = strings.Replace(ack.Start, "INVITE", "ACK", 1)
		ack.Set("CSeq", strings.Replace(ack.Get("CSeq"), "INVITE", "ACK", 1))
		ack.Set("To", m.Get("To"))
		x.sends(ack, x.conn)
		if x.state < live.Confirmed && x.state != live.Terminated {
			x.affair.change(func() { x.affair.over = true })
			x.state = live.Terminated
		}
	}
}

// isTaken takes a 200: the first is the call, others are hung up, and all are when it was
// given up.
func (x *talk) isTaken(m wire.Message, tag string) {
	leg := x
	first := x.state == live.Trying || x.state == live.Early
	if !first && wire.Param(x.remote, "tag") != tag {
		other := *x
		leg = &other
		leg.state = live.Terminated
	}
	leg.remote, leg.target, leg.routes = m.Get("To"), wire.AddrURI(m.Get("Contact")), m.All("Record-Route")
	slices.Reverse(leg.routes)
	ack := leg.inside("ACK")
	ack.Set("CSeq", fmt.Sprint(x.cseq, " ACK"))
	x.sends(ack, x.conn)
	switch {
	case leg != x:
		leg.byes(tag)
	case !first:
	case x.canceled:
		x.state = live.Terminated
		x.byes(tag)
	default:
		x.affair.change(func() { x.affair.answered = true })
		x.state, x.heard = live.Confirmed, time.Now()
		x.isUp()
	}
}

// isUp goes on with the plan of a caller.
func (x *talk) isUp() {
	x.later(45*time.Second, x.refreshes)
	p := x.plan
	if p.onUp != nil {
		go p.onUp(x)
	}
	if p.holds {
		x.later(p.talks/3, func() {
			if x.state == live.Confirmed {
				m := x.inside("INVITE")
				keepsTime(&m)
				x.asks(m, func(r wire.Message) {
					if r.Status() >= 200 && r.Status() < 300 {
						ack := x.inside("ACK")
						ack.Set("CSeq", fmt.Sprint(m.CSeq(), " ACK"))
						x.sends(ack, x.conn)
					}
				})
			}
		})
	}
	if p.talks > 0 && !p.stays {
		x.later(p.talks, x.hangsUp)
	}
}

// refreshes asks whether the other side is there, and hangs up if it is not.
func (x *talk) refreshes() {
	if x.state != live.Confirmed {
		return
	}
	m := x.inside("UPDATE")
	keepsTime(&m)
	answered := false
	x.asks(m, func(r wire.Message) {
		switch {
		case r.Status() < 200:
		case r.Status() < 300:
			answered = true
			x.later(45*time.Second, x.refreshes)
		default:
			x.hangsUp()
		}
	})
	x.later(32*time.Second, func() {
		if !answered {
			x.hangsUp()
		}
	})
}

// hangsUp sends BYE, if the call is up.
func (x *talk) hangsUp() {
	if x.state != live.Confirmed {
		return
	}
	x.state = live.Terminated
	callee := x.tag
	if x.calls {
		callee = wire.Param(x.remote, "tag")
	}
	x.byes(callee)
}

func (x *talk) byes(callee string) {
	if x.conn == nil {
		x.affair.doubt(sessionEnds) // nobody hears that
	}
	x.affair.change(func() { x.affair.ended[callee] = true })
	x.sends(x.inside("BYE"), x.conn)
}

// inside begins a request in the call.
func (x *talk) inside(method string) wire.Message {
	m := x.request(method, x.target, x.remote, x.callID, x.tag)
	m.Set("From", x.local)
	for _, r := range x.routes {
		m.Add("Route", r)
	}
	return m
}

// isCalled takes an INVITE, in the manner of the handset.
func (h *handset) isCalled(m wire.Message, conn net.Conn) {
	x := &talk{handset: h, callID: m.Get("Call-ID"), tag: h.text(), cseq: m.CSeq(), invite: m, affair: h.v.affair(m, ""), manner: h.manner(h.rng)}
	x.remote, x.target, x.routes = m.Get("From"), wire.AddrURI(m.Get("Contact")), m.All("Record-Route")
	x.local = m.Get("To") + ";tag=" + x.tag
	h.talks = append(h.talks, x)
	if replaced := h.replaced(m.Get("Replaces")); replaced != nil {
		x.answers(200, conn)
		replaced.hangsUp()
		return
	}
	ring := func() {
		if x.state == live.Terminated && !x.canceled {
			x.state = live.Early
		}
		x.sends(m.Reply(180, "Ringing", x.tag), conn)
	}
	if x.manner.rings >= 0 {
		x.later(x.manner.rings, func() {
			if !x.canceled && x.state == live.Terminated {
				ring()
			}
		})
		if x.manner.twice {
			x.later(x.manner.rings+time.Second, func() {
				if x.state == live.Early {
					ring()
				}
			})
		}
	}
	if x.manner.answer != 0 {
		x.later(max(x.manner.rings, 0)+x.manner.acts, func() {
			if !x.canceled && !x.acked {
				x.answers(x.manner.answer, conn)
			}
		})
	}
}

// replaced returns the talk that a Replaces names.
func (h *handset) replaced(replaces string) *talk {
	callID, _, _ := strings.Cut(replaces, ";")
	for _, x := range h.talks {
		if replaces != "" && x.callID == callID && x.state == live.Confirmed {
			return x
		}
	}
	return nil
}

// answers gives the final answer to the INVITE.
func (x *talk) answers(status int, conn net.Conn) {
	if x.state == live.Confirmed {
		return
	}
	reply := x.invite.Reply(status, "Because", x.tag)
	if status >= 300 {
		x.state = live.Terminated
		if status < 400 {
			reply.Add("Contact", "<sip:206@"+villageDomain+">")
		}
		x.canceled = true
		if status >= 600 {
			x.affair.change(func() { x.affair.declined = true })
		}
		x.sends(reply, conn)
		return
	}
	reply.Add("Contact", "<"+x.contact()+">")
	reply.Add("Session-Expires", "90;refresher=uac")
	reply.Add("Require", "timer")
	x.state, x.heard = live.Confirmed, time.Now()
	x.affair.change(func() { x.affair.answered = true })
	x.sends(reply, conn)
	x.later(600*time.Millisecond, func() {
		if !x.acked || x.manner.twice {
			x.sends(reply, conn)
		}
	})
	x.later(32*time.Second, func() {
		if !x.acked {
			x.hangsUp()
		}
	})
	x.listens()
}

// listens hangs up when the caller does not say any more that it is there.
func (x *talk) listens() {
	x.later(5*time.Second, func() {
		switch {
		case x.state != live.Confirmed:
		case time.Since(x.heard) > 65*time.Second:
			x.hangsUp()
		default:
			x.listens()
		}
	})
}

// isCanceled takes a CANCEL.
func (h *handset) isCanceled(x *talk, m wire.Message, conn net.Conn) {
	if x == nil {
		h.sends(m.Reply(481, "No Such Call", ""), conn)
		return
	}
	if x.manner.deafToCancel {
		return
	}
	h.sends(m.Reply(200, "OK", x.tag), conn)
	if x.state != live.Confirmed && !x.canceled {
		x.canceled = true
		x.state = live.Terminated
		h.sends(x.invite.Reply(487, "Request Terminated", x.tag), conn)
	}
}

// isHungUp takes a BYE.
func (x *talk) isHungUp(m wire.Message, conn net.Conn) {
	x.state = live.Terminated
	if !x.manner.deafToBye {
		x.sends(m.Reply(200, "OK", ""), conn)
	}
}

// isAskedAgain takes a re-INVITE or an UPDATE.
func (x *talk) isAskedAgain(m wire.Message, conn net.Conn) {
	if x.state != live.Confirmed {
		x.sends(m.Reply(481, "No Such Call", ""), conn)
		return
	}
	x.heard = time.Now()
	reply := m.Reply(200, "OK", "")
	reply.Add("Contact", "<"+x.contact()+">")
	if m.Has("Session-Expires") {
		reply.Add("Session-Expires", m.Get("Session-Expires"))
		reply.Add("Require", "timer")
	}
	x.sends(reply, conn)
}
