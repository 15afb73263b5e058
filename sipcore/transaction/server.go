package transaction

import (
	"net/netip"
	"sync"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// A Server is a server transaction (RFC 3261 section 17.2). Unless they say
// otherwise its methods need its lock, which the callbacks of a [User] come
// with.
//
// Once a final response is given, the transaction lives on for up to 64*T1 to
// absorb what still comes, and keeps no more than the bytes it would repeat.
type Server struct {
	mu      sync.Mutex
	layer   *Layer
	key     key
	flow    transport.Flow
	request *message.Message // until the final response
	sent    []byte           // what a retransmission is answered with
	data    any
	timer   Timer   // before the final response: how long the client may be away
	repeat  backoff // timer G; before the final response its interval is when the request came

	status   uint16         // of the final response
	port     uint16         // where a response goes instead of the request's source port; 0: nowhere else
	method   message.Method // of the request
	state    state
	canceled bool
	heard    bool // an INVITE: more than 100 was said to the caller
}

// Lock locks tx and the Clients started for it.
func (tx *Server) Lock() { tx.mu.Lock() }

// Unlock undoes Lock.
func (tx *Server) Unlock() { tx.mu.Unlock() }

// Request returns the request; nil once a final response was given or tx was
// dropped.
func (tx *Server) Request() *message.Message { return tx.request }

// Method returns the method of the request, also when the request is gone. It
// needs no lock.
func (tx *Server) Method() message.Method { return tx.method }

// Flow returns the flow that the request came by.
func (tx *Server) Flow() transport.Flow { return tx.flow }

// Final returns the status of the final response given, 0 before.
func (tx *Server) Final() int { return int(tx.status) }

// Canceled reports whether a CANCEL came before the final response.
func (tx *Server) Canceled() bool { return tx.canceled }

// Data returns what SetData stored; nil once the transaction has ended.
func (tx *Server) Data() any { return tx.data }

// SetData stores the transaction user's own struct.
func (tx *Server) SetData(x any) { tx.data = x }

// Tag returns a To tag for responses of our own. It is the same for each
// response to the request, the answer to its CANCEL included (RFC 3261 section
// 9.2), and lets the ACK of a response given by RespondOnce be recognised. It
// needs no lock.
func (tx *Server) Tag() string { return tx.layer.keys.toTag(tx.key) }

// Respond sends a response with its status, as far as the state of the
// transaction lets it: a response after a final one goes nowhere, but for
// further 2xx to an INVITE. raw stays the caller's.
func (tx *Server) Respond(status int, raw []byte) {
	if tx.method == message.INVITE {
		tx.respondInvite(status, raw)
	} else {
		tx.respondOther(status, raw)
	}
}

// Answer is Respond with a response of our own making.
func (tx *Server) Answer(status int, r *message.Reply) {
	raw := r.AppendTo(tx.layer.Room())
	tx.Respond(status, raw)
	tx.layer.Free(raw)
}

// RespondOnce sends a final response and forgets the transaction at once: a
// retransmission of the request is a new request (RFC 3261 section 8.2.7). It
// is for what is said to strangers, challenges before all: it is sent once for
// each request and costs no memory. The ACK that an INVITE's response brings
// about is absorbed if the response has [Server.Tag] as its To tag. raw stays
// the caller's; Final stays 0.
func (tx *Server) RespondOnce(raw []byte) {
	if tx.state == trying || tx.state == proceeding {
		tx.answered(statusOf(raw))
		tx.send(raw)
		tx.end()
	}
}

// Drop ends the transaction without a response, as for a non-INVITE request
// that got none in time (RFC 4320 section 4.2).
func (tx *Server) Drop() { tx.end() }

// request takes a request that is neither ACK nor CANCEL.
func (l *Layer) request(f transport.Flow, m *message.Message) {
	via, ok := m.TopVia()
	if !ok {
		l.unreturnable(f, m)
		return
	}
	k := l.keys.server(f.Kind(), m, via, m.MethodName())
	for {
		tx, added := l.enter(k, f, m, via)
		switch {
		case added:
			l.begin(tx)
			return
		case tx == nil:
			l.overloaded(k, f, m, via)
			return
		case tx.repeated(f):
			return
		}
	}
}

// unreturnable refuses a request that does not say, in a top Via, where its
// answer goes: it goes back where the request came from.
func (l *Layer) unreturnable(f transport.Flow, m *message.Message) {
	l.count.unmatched.Add(1)
	if err := f.Send(m.Reply(400, "Bad Via", "").AppendTo(nil)); err != nil {
		l.count.sendErrors.Add(1)
	}
}

// overloaded answers a request that must not become a transaction.
func (l *Layer) overloaded(k key, f transport.Flow, m *message.Message, via message.ViaValue) {
	l.count.overloads.Add(1)
	reply := m.Reply(503, "", l.keys.toTag(k))
	reply.Add(message.RetryAfter, "10")
	if err := replyFlow(f, replyPort(f, via)).Send(reply.AppendTo(nil)); err != nil {
		l.count.sendErrors.Add(1)
	}
}

// enter finds the transaction called k, or makes it, locked. It is nil when
// there are too many.
func (l *Layer) enter(k key, f transport.Flow, m *message.Message, via message.ViaValue) (tx *Server, added bool) {
	limit := (l.o.MaxServers + tableShards - 1) / tableShards
	began := l.answers.now()
	return l.servers.findOrAdd(k, kindOf(m.Method()), limit, func() *Server {
		fresh := &Server{layer: l, key: k, flow: f, request: m, method: m.Method(), port: replyPort(f, via)}
		fresh.repeat.interval = began
		if fresh.method == message.INVITE {
			fresh.state = proceeding
		}
		fresh.mu.Lock() // cannot wait: nobody else knows it yet
		return fresh
	})
}

// begin hands a new transaction, which is locked, over. Whoever finds it
// meanwhile waits.
func (l *Layer) begin(tx *Server) {
	defer tx.mu.Unlock()
	tx.contained(func() { l.user.Request(tx) })
}

// repeated takes a retransmission of the request. It returns false if the
// transaction has ended meanwhile.
func (tx *Server) repeated(f transport.Flow) bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state == ended {
		return false
	}
	tx.layer.count.absorbed.Add(1)
	if !tx.flow.IsOpen() {
		tx.cameBack(f)
	}
	if tx.sent != nil && (tx.state == proceeding || tx.state == completed) {
		tx.layer.count.retransmitted.Add(1)
		tx.send(tx.sent)
	}
	return true
}

// cameBack goes on with a client that has lost its connection and opened
// another.
func (tx *Server) cameBack(f transport.Flow) {
	tx.flow = f
	if tx.state == proceeding {
		tx.timer.Stop()
	}
}

// send sends a response to where RFC 3261 section 18.2.2 and RFC 3581 want it.
// It returns false if no response can reach the client any more: its connection
// is gone.
func (tx *Server) send(raw []byte) bool {
	err := replyFlow(tx.flow, tx.port).Send(raw)
	if err == nil {
		return true
	}
	tx.layer.count.sendErrors.Add(1)
	tx.layer.o.Logger.Debug("response not sent", "remote", tx.flow.Remote(), "error", err)
	return !tx.flow.Kind().Reliable()
}

// end makes the transaction leave its table and the wheel.
func (tx *Server) end() {
	if tx.state == ended {
		return
	}
	tx.state = ended
	tx.timer.Stop()
	tx.layer.servers.remove(tx.key, kindOf(tx.method), tx)
	tx.request, tx.sent, tx.data = nil, nil, nil
}

// replyPort returns the port to answer to if it is not the one that the request
// came from: over UDP without rport, that of the Via. An maddr is not followed;
// the Via's host never differs from the source, or received would say so.
func replyPort(f transport.Flow, via message.ViaValue) uint16 {
	port := via.Port
	if port == 0 {
		port = 5060
	}
	if f.Kind().Reliable() || via.HasRPort || port == f.Remote().Port() {
		return 0
	}
	return port
}

func replyFlow(f transport.Flow, port uint16) transport.Flow {
	if port == 0 {
		return f
	}
	return f.To(netip.AddrPortFrom(f.Remote().Addr(), port))
}

func kindOf(m message.Method) kind {
	if m == message.INVITE {
		return invite
	}
	return other
}
