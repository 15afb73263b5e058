package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"carillon/sipcore"
	"carillon/sipcore/message"
	"carillon/sipcore/presence"
	"carillon/sipcore/trace"
	"carillon/sipcore/transaction"
)

// messages gives what has passed, by method and result.
func (s sink) messages(c *sipcore.Counters) {
	for _, way := range []struct {
		name string
		of   *trace.Messages
	}{{"received", &c.Messages.Received}, {"sent", &c.Messages.Sent}} {
		for m, byClass := range way.of {
			for class, n := range byClass {
				switch {
				case n == 0:
				case class == 0:
					s.counter("sip_requests_total", "Requests as the wire had them, retransmissions included.", n,
						"direction", way.name, "method", methodName(m))
				default:
					s.counter("sip_responses_total", "Responses as the wire had them, retransmissions included.", n,
						"direction", way.name, "method", methodName(m), "class", className(class))
				}
			}
		}
	}
}

// transport gives what the flows do, and what was lost.
func (s sink) transport(c *sipcore.Counters) {
	for k, t := range c.Traffic {
		s.counter("sip_messages_total", "Well-formed messages.", t.In, "transport", k.String(), "direction", "received")
		s.counter("sip_messages_total", "Well-formed messages.", t.Out, "transport", k.String(), "direction", "sent")
		s.counter("sip_malformed_total", "What came and was no message.", t.Malformed, "transport", k.String())
		if k.Reliable() {
			s.gauge("sip_flows", "Connections open now.", float64(c.Flows[k]), "transport", k.String())
		}
	}
	s.gauge("sip_held_bytes", "Bytes of unfinished and unsent messages on connections.", float64(c.Transport.Held))
	const dropped = "Messages lost and connections refused or closed, by reason."
	s.counters("sip_dropped_total", dropped, "reason", c.Transport.Dropped)
	s.counter("sip_dropped_total", dropped, c.Transactions.Overloads, "reason", "overload")
	s.counters("sip_refused_total", "What was refused unread or for lack of time, and bans that were decided, by reason.", "reason", c.Refusals)
	s.add(prometheus.CounterValue, "blf_mismatch_seconds_total", "For how long lamps were not as their calls were, or watchers not told, of each, added up; the node puts it right by itself.",
		c.Mistaken.Seconds())
	s.gauge("sip_refusing", "The share of new requests that is refused because the node is behind.", c.Refusing)
	s.gauge("sip_udp_queue_bytes", "Memory of the datagrams that wait in the kernel to be read.", float64(c.UDPWaiting))
	s.counter("sip_dropped_total", dropped, c.UDPLost, "reason", "udp_queue_full")
	s.counter("sip_panics_total", "Messages and timers that made the program fail, and cost only themselves.",
		c.Transport.Panics+c.Transactions.Panics)
}

// transactions gives what is being done, and how long it takes.
func (s sink) transactions(c *sipcore.Counters) {
	t := &c.Transactions
	for _, p := range []struct {
		kind string
		of   transaction.Population
	}{
		{"invite_server", t.InviteServers},
		{"other_server", t.OtherServers},
		{"invite_client", t.InviteClients},
		{"other_client", t.OtherClients},
	} {
		s.gauge("sip_transactions", "Transactions that live now.", float64(p.of.Live), "kind", p.kind)
		s.counter("sip_transactions_total", "Transactions made.", p.of.Created, "kind", p.kind)
	}
	s.counters("sip_transaction_events_total", "What happened to transactions.", "event", *t)
	for what, n := range map[string]int{"ringing": c.Ringing, "forwarded": c.Pending, "connecting": c.Dialing, "timers": c.Timers} {
		s.gauge("sip_waiting", "What waits: INVITEs that ring, other requests for their response, connections and names, timers.", float64(n), "what", what)
	}
	s.events(&c.Events)
	s.counters("registrations_total", "What came of REGISTER requests.", "result", c.Registrar)
	for m, byClass := range c.Answers.Given {
		for class, n := range byClass {
			if n > 0 {
				s.counter("sip_answers_total", "Final responses given to new requests.", n, "method", methodName(m), "class", className(class))
			}
		}
	}
	for m, d := range c.Answers.Took {
		if d != (transaction.Durations{}) {
			s.durations("sip_answer_seconds", "From a request to its final response.", d, "method", methodName(m))
		}
	}
	s.durations("call_setup_seconds", "From an INVITE to the first sign of the phone that it calls.", c.Answers.SetUp)
}

// events gives who watches, and what he is told.
func (s sink) events(c *presence.Counters) {
	for event, n := range c.Live {
		s.gauge("subscriptions", "What phones of this node watch: lamps, presence, their mailbox.", float64(n), "event", event)
	}
	s.counter("notify_total", "NOTIFYs sent, retransmissions not counted.", c.Sent)
	s.counter("notify_failed_total", "NOTIFYs without an answer, or refused.", c.Failed)
	s.counter("notify_connections_total", "Connections opened to phones that had none, to tell them something.", c.Dialled)
	s.counter("subscriptions_lost_total", "Subscriptions that ended because the phone was not there, or knew nothing of them.", c.Lost)
	s.counter("subscriptions_refused_total", "SUBSCRIBEs of users that were refused.", c.Refused)
}

// methodName is bounded: what is not known is other.
func methodName(m int) string {
	if name := message.Method(m).String(); name != "" { //nolint:gosec // the index of a table
		return name
	}
	return "other"
}

func className(class int) string { return strconv.Itoa(class) + "xx" }
