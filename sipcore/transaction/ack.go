package transaction

import (
	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// ack takes an ACK. That of a non-2xx is absorbed by its INVITE's transaction,
// or, when RespondOnce has forgotten it, by its To tag. One without a To tag
// belongs to no dialog and leads nowhere.
func (l *Layer) ack(f transport.Flow, m *message.Message) {
	via, ok := m.TopVia()
	if !ok {
		return
	}
	k := l.keys.server(f.Kind(), m, via, "INVITE")
	if tx := l.servers.find(k); tx != nil && tx.absorbs(m) {
		return
	}
	if tag := m.ToTag(); tag == "" || l.keys.isToTag(tag, k) {
		l.count.absorbed.Add(1)
		return
	}
	l.user.Ack(f, m)
}

func (tx *Server) absorbs(ack *message.Message) bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.acknowledged(ack)
}
