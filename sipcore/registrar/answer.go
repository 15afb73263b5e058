package registrar

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/store/live"
)

// accept answers 200 with all that the user has now (RFC 3261 section 10.3 step
// 8), as far as this node knows their Contacts: of phones at other sites it may
// know no more than that they are there.
func (j *job) accept() {
	reply := j.m.Reply(200, "", j.tx.Tag())
	for i := range j.result {
		if j.result[i].IsPointer() {
			continue
		}
		j.line = appendContact(j.line[:0], &j.result[i], j.now)
		reply.Add(message.Contact, string(j.line))
	}
	if len(j.path) > 0 {
		j.addRoutes(&reply)
	}
	if j.usesOutbound() {
		reply.Add(message.Require, "outbound")
		if j.direct && j.tx.Flow().Kind().Reliable() {
			reply.AddNamed("Flow-Timer", flowTimer)
		}
	}
	reply.Add(message.Supported, "path, outbound")
	j.respond(200, &reply)
}

// flowTimer is within how many seconds a phone that speaks RFC 5626 over a
// connection sends something, so that it notices as soon as one without that its
// node is gone. Over UDP the standard's own 29 s hold.
const flowTimer = "60"

// addRoutes tells a phone behind proxies how calls come to it (RFC 3327) and how
// its own requests come to the node that knows it (RFC 3608). One that is
// connected to us directly gets no Service-Route: it would bind it to this node
// when the node is gone.
func (j *job) addRoutes(reply *message.Reply) {
	if j.learns {
		for _, p := range j.path {
			reply.Add(message.Path, p)
		}
	}
	at := netip.AddrPortFrom(j.local.Addr().WithZone(""), j.local.Port())
	reply.Add(message.ServiceRoute, "<sip:"+at.String()+";transport="+j.transport+";lr>")
}

// appendContact writes a binding as its phone may read it, with the time that
// is left, rounded up: nobody is told zero.
func appendContact(dst []byte, x *live.Binding, now time.Time) []byte {
	dst = append(append(append(dst, '<'), x.Contact...), ">;expires="...)
	dst = strconv.AppendInt(dst, int64(left(x, now)), 10)
	if x.Q < 1 {
		dst = strconv.AppendFloat(append(dst, ";q="...), float64(x.Q), 'f', -1, 32)
	}
	if instance := x.Instance(); strings.HasPrefix(instance, "urn:") {
		dst = append(append(append(dst, `;+sip.instance="<`...), instance...), `>"`...)
	}
	if x.RegID != 0 {
		dst = strconv.AppendInt(append(dst, ";reg-id="...), int64(x.RegID), 10)
	}
	return dst
}

// left returns whole seconds. A binding at another node ends when that node
// says so.
func left(x *live.Binding, now time.Time) time.Duration {
	d := x.Granted
	if !x.Expires.IsZero() {
		d = x.Expires.Sub(now)
	}
	return max((d+time.Second-1)/time.Second, 1)
}

// refuse answers an authenticated request. It is kept for retransmissions, as
// the 200 is: their nonce count would not be good a second time.
func (j *job) refuse(r *refusal) {
	reply := j.m.Reply(r.status, r.reason, j.tx.Tag())
	if r.status == 423 {
		reply.Add(message.MinExpires, strconv.Itoa(int(j.policy.expiry.Min/time.Second)))
	}
	if r.retryAfter > 0 {
		reply.Add(message.RetryAfter, strconv.Itoa(r.retryAfter))
	}
	j.respond(r.status, &reply)
}

func (j *job) respond(status int, reply *message.Reply) {
	j.out = reply.AppendTo(j.out[:0])
	j.tx.Respond(status, j.out)
}

// answerOnce answers somebody who has shown no password, and forgets it.
func (j *job) answerOnce(status int, reason string, challenges []string) {
	reply := j.m.Reply(status, reason, j.tx.Tag())
	for _, c := range challenges {
		reply.Add(message.WWWAuthenticate, c)
	}
	j.out = reply.AppendTo(j.out[:0])
	j.tx.RespondOnce(j.out)
}

// answerTooSoon refuses to look at one more password. Not 503: that would send
// the phone to another server.
func (j *job) answerTooSoon(retryAfter string) {
	reply := j.m.Reply(500, "Too Many Wrong Passwords", j.tx.Tag())
	reply.Add(message.RetryAfter, retryAfter)
	j.out = reply.AppendTo(j.out[:0])
	j.tx.RespondOnce(j.out)
}
