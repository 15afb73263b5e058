package sipcore

import (
	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
)

// allowed names the methods that reach somebody through this server.
const allowed = "INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS, PRACK, UPDATE, INFO, REFER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH"

// forUs answers a request that names no user: it is for the server itself.
func (s *Server) forUs(r request) {
	if r.refusesExtensions(message.ProxyRequire) || r.refusesExtensions(message.Require) {
		return
	}
	switch r.Method() {
	case message.OPTIONS:
		respondWith(r.tx, 200,
			field{"Allow", allowed},
			field{"Accept", "application/sdp"},
			field{"Allow-Events", s.events.Events()},
			field{"Supported", "path, outbound"})
	case message.INVITE, message.MESSAGE:
		respondWith(r.tx, 404)
	default:
		respondWith(r.tx, 405, field{"Allow", allowed})
	}
}

// A field is one header field of a response.
type field struct{ name, value string }

// refuse answers a request of somebody who was not let in, or not yet. It is
// said once and forgotten: strangers get no packets and no memory for theirs.
func refuse(tx *transaction.Server, status int, reason string) {
	tx.RespondOnce(tx.Request().Reply(status, reason, tx.Tag()).AppendTo(nil))
}

// refuseFor answers like refuse, and says for how long.
func refuseFor(tx *transaction.Server, status int, reason, retryAfter string) {
	reply := tx.Request().Reply(status, reason, tx.Tag())
	reply.Add(message.RetryAfter, retryAfter)
	tx.RespondOnce(reply.AppendTo(nil))
}

// respondWith answers like refuse, with extra header fields.
func respondWith(tx *transaction.Server, status int, extra ...field) {
	r := tx.Request().Reply(status, "", tx.Tag())
	for _, f := range extra {
		r.AddNamed(f.name, f.value)
	}
	tx.RespondOnce(r.AppendTo(nil))
}
