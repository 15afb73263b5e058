package transport

import "sync/atomic"

// Counters are what a layer has done since it was opened.
type Counters struct {
	UDP, TCP     Traffic
	TLS, WS, WSS Traffic
	Node         Traffic // with other nodes
	Open         int     // stream flows open now
	Held         int64   // bytes of unfinished and unsent messages on streams now
	Dropped      Drops
	Panics       uint64 // of the handler
}

// Traffic counts messages of one transport. In counts well-formed ones.
type Traffic struct{ In, Out, Malformed uint64 }

// Drops count what was lost or refused, by reason.
type Drops struct {
	UDPFull     uint64 // datagrams that found their socket full
	Junk        uint64 // datagrams too short to be a message, most of them keep-alives, or to a multicast address
	ConnLimit   uint64 // connections refused: too many together
	IPLimit     uint64 // connections refused: too many from one address
	Gate        uint64 // messages not read and connections not taken: the gate did not let them in
	Handshake   uint64 // connections refused: no TLS, no WebSocket, or neither in time
	HalfMessage uint64 // flows closed: a message took too long to end, or a peer to speak
	QueueFull   uint64 // flows closed: too much to send
	Stalled     uint64 // flows closed: the peer stopped reading
	Unanswered  uint64 // flows closed: a browser answered no ping
	Memory      uint64 // flows closed: all flows together held too much
	ReadErrors  uint64 // of the UDP sockets
}

// counts are the live numbers behind Counters.
type counts struct {
	traffic [Node + 1]struct{ in, out, malformed atomic.Uint64 }
	panics  atomic.Uint64

	udpFull, junk, connLimit, ipLimit, gate atomic.Uint64
	handshake, unanswered                   atomic.Uint64
	halfMessage, queueFull, stalled, memory atomic.Uint64
	readErrors                              atomic.Uint64
}

// of returns the traffic of one transport.
func (c *counts) of(k Kind) Traffic {
	t := &c.traffic[k]
	return Traffic{In: t.in.Load(), Out: t.out.Load(), Malformed: t.malformed.Load()}
}

// drops returns the reasons' counts.
func (c *counts) drops() Drops {
	return Drops{
		UDPFull: c.udpFull.Load(), Junk: c.junk.Load(), ConnLimit: c.connLimit.Load(), IPLimit: c.ipLimit.Load(), Gate: c.gate.Load(),
		Handshake: c.handshake.Load(), Unanswered: c.unanswered.Load(), HalfMessage: c.halfMessage.Load(), QueueFull: c.queueFull.Load(), Stalled: c.stalled.Load(),
		Memory: c.memory.Load(), ReadErrors: c.readErrors.Load(),
	}
}
