package metrics

import (
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
	s.counters("cluster_refused_total", "Connections and packets turned away at the cluster port.", "reason", n.Refused)
}

// links gives how the node stands with others.
func (s sink) links(all []session.Link) {
	for _, l := range all {
		s.gauge("link_up", "Whether the link to a node stands.", is(l.State == session.Up), "node", l.Node)
		s.gauge("link_round_trip_seconds", "How long a message takes there and back; 0 is not known.", l.RTT.Seconds(), "node", l.Node)
		for _, way := range []struct {
			name  string
			bytes map[string]uint64
		}{{"sent", l.BytesOut}, {"received", l.BytesIn}} {
			for class, n := range way.bytes {
				s.counter("link_bytes_total", "Bytes of payload on a link; SIP and media are not in it.", n,
					"node", l.Node, "direction", way.name, "class", class)
			}
		}
	}
}

func is(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
