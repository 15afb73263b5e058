package node

import (
	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/store"
)

// self returns this node as the View should have it. What the View has of a former
// version lists the certificate, and not its key, until rotation has seen to that.
func (n *Node) self() store.Node {
	own := n.certificate.Load()
	listed := own.Fingerprint()
	if listsCertificate(n.config.View(), own) {
		listed = link.CertificateFingerprint(own.Certificate())
	}
	return store.Node{
		Name: n.identity.Name, Role: n.identity.Role, Site: n.identity.Site, Address: n.address,
		Certificate: listed, Epoch: n.identity.Epoch, Next: n.certificate.coming(),
	}
}

// site is where this node stands.
func (n *Node) site() string { return n.config.View().SiteOf(n.self()) }

// domain is that of the users.
func (n *Node) domain() string { return n.config.View().Domain() }

// status answers `carillon status`.
func (n *Node) status() admin.Status {
	view := n.config.View()
	s := admin.Status{
		Name:          n.identity.Name,
		Site:          view.SiteOf(n.self()),
		Role:          n.identity.Role,
		Mode:          n.standing.Mode(),
		Links:         []admin.Link{},
		Config:        view.Index(),
		ConfigHash:    view.Hash(),
		Registrations: n.bindings.Count(),
		Calls:         n.calls.Count(),
		Refused:       refused(n.peers.port.Counters()),
		Out:           n.out.By(),

		ServiceAddress: n.sharing.status(),
	}
	if n.subscribed != nil {
		s.Subscriptions = n.subscribed()
	}
	own, _ := view.Node(n.identity.Name)
	s.Drained = own.Drained
	identity := n.certificate.Load()
	_, s.CertificateEnds = identity.Validity()
	s.CertificateOverdue = overdue(n.o.clock(), identity)
	for _, l := range n.peers.links() {
		s.Links = append(s.Links, linkRow(l))
	}
	return s
}

func refused(c link.Counters) admin.Refused {
	return admin.Refused{
		Strangers: c.Stranger, OtherSystem: c.Foreign, Removed: c.Revoked, Unlisted: c.Unlisted, Joins: c.BadToken, Protocols: c.UnknownProtocol,
		Crowded: c.Crowded, Forged: c.BadPacket, Replayed: c.Replay, Unwelcome: c.Unwelcome,
	}
}
