package sipcore

import (
	"errors"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// receiver is the server as the transport sees it.
type receiver struct{ *Server }

// Receive implements [transport.Handler]. We never send ourselves a datagram:
// one that says so is forged, and its answer would only come back.
func (r receiver) Receive(f transport.Flow, m *message.Message) {
	from := f.Remote()
	if f.Kind() == transport.UDP && from.Port() == r.o.Port && r.transport.IsOwn(from.Addr()) {
		return
	}
	r.transactions.Receive(f, m)
}

// Malformed implements [transport.Handler]: what cannot be parsed is refused as
// far as it can be answered, statelessly.
func (r receiver) Malformed(f transport.Flow, m *message.Message, err error) {
	r.defence.malformed(f)
	if m == nil || !m.IsRequest() || m.Method() == message.ACK {
		return
	}
	status, reason := 400, "Bad Request"
	if syntax, ok := errors.AsType[*message.SyntaxError](err); ok {
		status, reason = syntax.Status, syntax.Reason
	}
	reply(f, m, status, reason)
}

// Closed implements [transport.Handler]: the phones behind a connection are out
// of reach at once, and what waits for them goes on without; what came from
// another node has lost its caller.
func (r receiver) Closed(f transport.Flow) {
	if f.Kind() == transport.Node {
		r.peers.gone(f)
		r.proxy.Abandon(f)
	} else {
		r.o.Bindings.FlowClosed(f.ID())
	}
	r.transactions.Closed(f)
}

// reply answers a request outside any transaction.
func reply(f transport.Flow, m *message.Message, status int, reason string) {
	raw := m.Reply(status, reason, "").AppendTo(nil)
	_ = f.Send(raw) // who sends garbage and does not listen is not missed
}
