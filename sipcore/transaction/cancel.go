package transaction

import (
	"errors"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// cancel takes a CANCEL (RFC 3261 section 9.2). It needs no transaction of its
// own: as long as its INVITE's lives, the answer to a retransmission is made
// anew and is the same.
func (l *Layer) cancel(f transport.Flow, m *message.Message) {
	via, ok := m.TopVia()
	if !ok {
		l.unreturnable(f, m)
		return
	}
	k := l.keys.server(f.Kind(), m, via, "INVITE")
	c := cancel{Message: m, flow: replyFlow(f, replyPort(f, via)), tag: l.keys.toTag(k)}
	if err := m.Validate(); err != nil {
		l.refuse(c, err)
		return
	}
	if tx := l.servers.find(k); tx != nil && tx.cancel(c) {
		return
	}
	l.count.unmatched.Add(1)
	l.answer(c, 481, "")
}

// A cancel is a CANCEL with what its answer needs.
type cancel struct {
	*message.Message
	flow transport.Flow
	tag  string
}

// cancel answers the CANCEL and tells the transaction user. It returns false if
// the transaction has ended meanwhile.
func (tx *Server) cancel(c cancel) bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state == ended {
		return false
	}
	tx.layer.answer(c, 200, "")
	if tx.state == proceeding && !tx.canceled {
		tx.canceled = true
		tx.contained(func() { tx.layer.user.Cancel(tx, c.Message) })
	}
	return true
}

func (l *Layer) refuse(c cancel, err error) {
	if syntax, ok := errors.AsType[*message.SyntaxError](err); ok {
		l.answer(c, syntax.Status, syntax.Reason)
		return
	}
	l.answer(c, 400, "")
}

func (l *Layer) answer(c cancel, status int, reason string) {
	raw := c.Reply(status, reason, c.tag).AppendTo(nil)
	if err := c.flow.Send(raw); err != nil {
		l.count.sendErrors.Add(1)
	}
}
