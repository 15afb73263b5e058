package sipcore

import (
	"time"

	"carillon/sipcore/presence"
	"carillon/sipcore/registrar"
	"carillon/sipcore/trace"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// Counters are what a server has done since it was opened, and what it is at
// now. They are for people and need not be of one instant.
type Counters struct {
	Transport    transport.Counters
	Traffic      map[transport.Kind]transport.Traffic
	Flows        map[transport.Kind]int // stream flows open now
	UDPWaiting   uint64                 // bytes in the kernel, to be read
	UDPLost      uint64                 // datagrams that found no room there
	Messages     trace.Counters
	Transactions transaction.Counters
	Answers      transaction.Answers
	Registrar    registrar.Counters
	Refusals     Refusals
	Events       presence.Counters

	Mistaken time.Duration // how long lamps were not as their calls were, or watchers not told, of each

	Refusing float64 // the share of new requests that is refused, 0 to 1
	Ringing  int     // INVITEs without a final response
	Pending  int     // other requests that were forwarded and have none
	Dialing  int     // connections being opened and names being looked up
	Timers   int     // armed
}

// Counters returns the counts. Asking costs the server some locks for an
// instant, and a message nothing.
func (s *Server) Counters() Counters {
	traffic := make(map[transport.Kind]transport.Traffic)
	for _, k := range transport.Kinds() {
		traffic[k] = s.transport.Traffic(k)
	}
	waiting, lost := s.transport.UDPQueue()
	events := s.events.Counters()
	return Counters{
		Transport:    s.transport.Counters(),
		Traffic:      traffic,
		Flows:        s.transport.Flows(),
		UDPWaiting:   waiting,
		UDPLost:      lost,
		Messages:     s.o.Trace.Counters(),
		Transactions: s.transactions.Counters(),
		Answers:      s.transactions.Answers(),
		Registrar:    s.registrar.Counters(),
		Refusals:     s.Refusals(),
		Events:       events,
		Mistaken:     s.calls.Mistaken() + events.Mistaken,
		Refusing:     s.load.Share(),
		Ringing:      s.proxy.Ringing(),
		Pending:      s.proxy.Pending(),
		Dialing:      s.proxy.Dialing(),
		Timers:       s.wheel.Len(),
	}
}
