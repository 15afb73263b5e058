package node

import (
	"net/netip"

	"carillon/node/admin"
	"carillon/store"
)

// modeCluster is the mode of a node that is with all others; one that stands
// alone by design always is.
const modeCluster = "cluster"

// status answers `carillon status`.
func (n *Node) status() admin.Status {
	view := n.config.View()
	return admin.Status{
		Name:          n.identity.Name,
		Site:          siteOf(view, n.identity),
		Role:          n.identity.Role,
		Mode:          modeCluster,
		Links:         []admin.Link{},
		Config:        view.Index(),
		ConfigHash:    view.Hash(),
		Registrations: n.bindings.Count(),
		Calls:         n.calls.Count(),
	}
}

// siteOf returns where a node stands: where the operator said, else where its
// address belongs, else the first site there is.
func siteOf(v *store.View, i identity) string {
	if i.Site != "" {
		return i.Site
	}
	if i.Listen != (netip.Addr{}) {
		if site := v.Network(i.Listen).Site; site != "" {
			return site
		}
	}
	for s := range v.Sites() {
		return s.Name
	}
	return ""
}
