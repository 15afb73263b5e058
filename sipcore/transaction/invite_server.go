package transaction

import (
	"bytes"

	"carillon/sipcore/message"
)

// respondInvite is RFC 3261 figure 7 with RFC 6026 section 7.1, seen from the
// transaction user.
func (tx *Server) respondInvite(status int, raw []byte) {
	switch {
	case tx.state == accepted && isSuccess(status):
		tx.send(raw) // of another branch, or the same once more
	case tx.state != proceeding:
	case status < 200:
		if status > 100 {
			tx.rang()
		}
		tx.provisional(raw)
	case isSuccess(status):
		tx.accept(status, raw)
	default:
		tx.refuse(status, raw)
	}
}

func (tx *Server) provisional(raw []byte) {
	tx.send(raw)
	tx.keep(raw)
}

// keep keeps a response for retransmitted requests, which exist only over UDP.
func (tx *Server) keep(raw []byte) {
	if !tx.flow.Kind().Reliable() {
		tx.sent = bytes.Clone(raw)
	}
}

// accept enters Accepted, where the transaction user retransmits and timer L
// runs. The transaction stays, also over a reliable transport, for the 2xx of
// other branches.
func (tx *Server) accept(status int, raw []byte) {
	tx.rang()
	tx.finish(accepted, status)
	if !tx.send(raw) {
		tx.end()
		return
	}
	tx.timer.Set(tx.layer.o.Wheel, 64*tx.layer.o.T1, (*serverTimer)(tx))
}

// refuse enters Completed: timer G repeats the response over UDP until the ACK
// comes, timer H ends the wait for it.
func (tx *Server) refuse(status int, raw []byte) {
	tx.finish(completed, status)
	if !tx.send(raw) {
		tx.end()
		return
	}
	tx.keep(raw)
	tx.repeat.start(tx.layer, &tx.timer, tx.flow.Kind().Reliable(), (*serverTimer)(tx))
}

// finish notes the final response and lets go of what was only needed before.
func (tx *Server) finish(in state, status int) {
	tx.answered(status)
	tx.state = in
	tx.status = uint16(status) //nolint:gosec // three digits
	tx.request, tx.sent = nil, nil
}

// acknowledged takes an ACK; false if it is not the transaction's to absorb. In
// Confirmed, timer I absorbs repeated ACKs over UDP.
func (tx *Server) acknowledged(ack *message.Message) (absorbed bool) {
	switch tx.state {
	case accepted, ended:
		return false
	case completed:
		if !tx.isAckOf(ack) {
			return false
		}
		if tx.flow.Kind().Reliable() {
			tx.end()
			return true
		}
		tx.state, tx.sent = confirmed, nil
		tx.timer.Set(tx.layer.o.Wheel, tx.layer.o.T4, (*serverTimer)(tx))
	default:
		tx.layer.count.absorbed.Add(1)
	}
	return true
}

// isAckOf tells apart, for clients without unique branches, the ACK of our
// response from that of another (RFC 3261 section 17.2.3).
func (tx *Server) isAckOf(ack *message.Message) bool {
	via, _ := ack.TopVia()
	if isUnique(via.Branch) || tx.sent == nil {
		return true
	}
	response, err := message.Parse(tx.sent)
	return err != nil || response.ToTag() == ack.ToTag()
}

// serverTimer is a Server as its timer sees it.
type serverTimer Server

// Expire implements Expirer: timers G, H, I, J and L, and the time that a client
// without a connection has.
func (t *serverTimer) Expire(*Timer) {
	tx := (*Server)(t)
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch l := tx.layer; {
	case !tx.timer.Expired():
	case tx.state == proceeding:
		tx.abandoned()
	case tx.state != completed || tx.method != message.INVITE:
		tx.end()
	case tx.repeat.over(l):
		l.count.timeouts.Add(1)
		tx.end()
	default:
		l.count.retransmitted.Add(1)
		tx.send(tx.sent)
		tx.repeat.again(l, &tx.timer, l.o.T2, t)
	}
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }
