package metrics

import (
	"time"

	"carillon/cluster/session"
	"carillon/node/mode"
)

// node gives what the node is.
func (s sink) node(n *Reading) {
	s.gauge("build_info", "Which version runs: always 1.", 1, "version", n.Version)
	for _, m := range []string{mode.Cluster, mode.Survivable} {
		s.gauge("mode", "1 for the mode that the node is in: with the others, or on its own.", is(n.Mode == m), "mode", m)
	}
	s.gauge("config_index", "The revision of the configuration in force.", float64(n.Config))
	s.gauge("registrations", "Registrations that the node knows, also those of other nodes.", float64(n.Registrations))
	for state, count := range n.Calls {
		s.gauge("calls", "Calls that began at this node.", float64(count), "state", state)
	}
	for state, count := range n.Dialogs {
		s.gauge("dialogs", "Sides of calls that light lamps, also of those of other nodes.", float64(count), "state", state)
	}
	for result, count := range map[string]uint64{
		"answered": n.DNS.Answered, "forwarded": n.DNS.Forwarded, "refused": n.DNS.Refused, "limited": n.DNS.Limited, "malformed": n.DNS.Malformed,
	} {
		s.counter("dns_questions_total", "Questions about names, by what became of them.", count, "result", result)
	}
	for kind, count := range n.DHCP {
		s.counter("dhcp_messages_total", "Messages of DHCP, received and sent, and what was not answered, by kind.", count, "kind", kind)
	}
	s.gauge("dhcp_leases", "Addresses that devices of the site have by DHCP.", float64(n.Leases))
	s.counters("cluster_refused_total", "Connections and packets turned away at the cluster port.", "reason", n.Refused)
}

// lines gives how the node stands with others.
func (s sink) lines(all []session.Line) {
	now := time.Now()
	for _, l := range all {
		s.gauge("link_up", "Whether the link to a node stands.", is(l.State == session.Up), "node", l.Node)
		s.gauge("link_round_trip_seconds", "How long a message takes there and back; 0 is not known.", l.RTT.Seconds(), "node", l.Node)
		s.gauge("link_age_seconds", "For how long the link has been up, or down.", since(l.Since, now), "node", l.Node)
		s.gauge("link_silence_seconds", "For how long nothing has come from a node; 0 if nothing ever has.", since(l.Heard, now), "node", l.Node)
		s.gauge("link_budget_bits", "Bits a second that what nodes tell each other may take of a line; 0 is no bound.", float64(l.Budget)*1000, "node", l.Node)
		s.gauge("link_lag_changes", "Changes that a node does not have yet.", float64(l.Lag), "node", l.Node)
		s.gauge("link_lag_seconds", "For how long the oldest of them has waited.", since(l.Waiting, now), "node", l.Node)
		for _, way := range []struct {
			name  string
			bytes map[string]uint64
		}{{"sent", l.Out}, {"received", l.In}} {
			for class, n := range way.bytes {
				s.counter("link_bytes_total", "Bytes of IP on the cluster port, headers and acknowledgements too.", n,
					"node", l.Node, "direction", way.name, "class", class)
			}
		}
	}
}

// since returns the seconds since t; 0 if that was never.
func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return now.Sub(t).Seconds()
}

func is(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
