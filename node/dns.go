package node

import (
	"context"
	"net/netip"

	"carillon/node/dnsserver"
	"carillon/node/mode"
	"carillon/store"
)

// answerDNS opens the port for DNS, if the operator wants one.
func (n *Node) answerDNS(ctx context.Context) error {
	at, _ := parseDNS(n.identity.DNS) // it was checked before it was remembered
	if !at.IsValid() {
		return nil
	}
	names, err := dnsserver.Open(ctx, n.dnsOptions(at))
	if err != nil {
		return err
	}
	n.names = names
	n.onClose("the port for DNS", names.Close)
	n.run("DNS", names.Run)
	return nil
}

func (n *Node) dnsOptions(at netip.AddrPort) dnsserver.Options {
	return dnsserver.Options{At: at, Site: n.site(), View: n.config.View, Serves: n.serves, Logger: n.component("dns")}
}

// serves reports whether phones may be sent to a node: unless it is known to be
// dead. To a node that is alone the mains are silent, but not to its phones for
// certain, and they were told of them: what a site that is cut off answers stays
// as it was.
func (n *Node) serves(name string) bool {
	if n.isDrained(name) {
		return false
	}
	other, known := n.config.View().Node(name)
	if known && other.Role == store.Main && n.standing.Mode() == mode.Survivable {
		return true
	}
	return !n.system.watches(name) || n.system.isAlive(name)
}
