package node

import (
	"context"
	"net/netip"
	"slices"

	"carillon/cluster/session"
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
// dead. To a branch that is alone the mains are silent, but not to its phones for
// certain, and they were told of them: what a site that is cut off answers stays
// as it was, also while one main is still thought to be there.
func (n *Node) serves(name string) bool {
	if n.isDrained(name) {
		return false
	}
	other, known := n.config.View().Node(name)
	if known && other.Role == store.Main && n.identity.Role != RoleMain {
		return n.standing.Mode() == mode.Survivable || !isGone(name, n.peers.lines(), n.peers.mains())
	}
	return !n.system.watches(name) || n.system.isAlive(name)
}

// isGone reports whether a main is silent and another one was heard since. When the
// line of a site is cut, one main is silent seconds before the others are.
func isGone(name string, lines []session.Line, mains []store.Node) bool {
	i := slices.IndexFunc(lines, func(l session.Line) bool { return l.Node == name })
	if i < 0 || lines[i].State == session.Up {
		return false
	}
	return slices.ContainsFunc(lines, func(l session.Line) bool {
		isMain := slices.ContainsFunc(mains, func(m store.Node) bool { return m.Name == l.Node })
		return isMain && l.State == session.Up && l.Heard.After(lines[i].Since)
	})
}
