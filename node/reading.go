package node

import (
	"carillon/node/metrics"
	"carillon/sipcore"
	"carillon/store/live"
)

// reading returns how the node's figures are read.
func (n *Node) reading(sip *sipcore.Server) func() metrics.Reading {
	return func() metrics.Reading {
		r := metrics.Reading{
			Version: n.o.Version, Mode: n.standing.Mode(), Config: n.config.View().Index(),
			Registrations: n.bindings.Count(), Calls: map[string]int{live.Ringing: 0, live.Up: 0}, Dialogs: map[string]int{},
			Lines: n.peers.lines(), Refused: n.peers.port.Counters(),
		}
		if sip != nil {
			r.SIP = sip.Counters()
		}
		if n.names != nil {
			r.DNS = n.names.Counters()
		}
		if n.dhcp != nil {
			r.DHCP, r.Leases = n.dhcp.Counters(), n.dhcp.Count()
		}
		for _, c := range n.calls.All() {
			r.Calls[c.State]++
		}
		for _, x := range n.dialogs.All() {
			r.Dialogs[x.State.String()]++
		}
		return r
	}
}
