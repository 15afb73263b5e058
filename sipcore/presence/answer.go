package presence

import (
	"strconv"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// A refusal is a final response that changes nothing.
type refusal struct {
	status     int
	reason     string
	retryAfter int // seconds; 0: it does not say
}

// accept answers 200 with what was granted; tag is ours, "" within a dialog.
func (n *Notifier) accept(tx *transaction.Server, a *ask, tag string) {
	reply := tx.Request().Reply(200, "", tag)
	reply.RecordRoutes()
	reply.Add(message.Contact, string(n.appendContact(nil, tx.Flow())))
	reply.Add(message.Expires, strconv.Itoa(int(a.expires/time.Second)))
	if a.list != nil {
		reply.Add(message.Require, "eventlist")
	}
	tx.Answer(200, &reply)
}

// refuse answers who was admitted. It is kept for retransmissions: their nonce count
// would not be good a second time.
func (n *Notifier) refuse(tx *transaction.Server, r *refusal) {
	n.count.refused.Add(1)
	reply := tx.Request().Reply(r.status, r.reason, tx.Tag())
	switch r.status {
	case 423:
		reply.Add(message.MinExpires, strconv.Itoa(int(n.o.Limits.Min/time.Second)))
	case 489:
		reply.Add(message.AllowEvents, n.Events())
	}
	if r.retryAfter > 0 {
		reply.Add(message.RetryAfter, strconv.Itoa(r.retryAfter))
	}
	tx.Answer(r.status, &reply)
}

// appendContact appends where a subscription's dialog is refreshed: at this very node.
func (n *Notifier) appendContact(dst []byte, flow transport.Flow) []byte {
	dst = n.appendListener(append(dst, "<sip:"...), flow)
	if flow.Kind() != transport.UDP {
		dst = append(append(dst, ";transport="...), flow.Kind().String()...)
	}
	return append(dst, '>')
}

// appendListener appends the address and port at which the other end of flow finds us. A
// zone means nothing to it.
func (n *Notifier) appendListener(dst []byte, flow transport.Flow) []byte {
	addr := flow.Local().Addr().Unmap().WithZone("")
	if addr.Is6() {
		dst = append(addr.AppendTo(append(dst, '[')), ']')
	} else {
		dst = addr.AppendTo(dst)
	}
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(n.o.Ports.Of(flow.Kind())), 10)
}
