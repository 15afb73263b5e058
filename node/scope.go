package node

import (
	"carillon/store"
)

// secretsOf returns the digests that a node may have beside what all LifeGUARDs
// have: those of the site where the View says that it stands.
func secretsOf(view *store.View, node string) ([]byte, error) {
	n, known := view.Node(node)
	if !known || n.Role != store.Lifeguard {
		return nil, nil
	}
	return view.Secrets(view.SiteOf(n))
}

// scoped returns what a LifeGUARD may have of the View, for disk.Config.Install.
func (c *configuration) scoped(node string) ([]byte, error) {
	view, shared, err := c.Shared()
	if err != nil {
		return nil, err
	}
	own, err := secretsOf(view, node)
	return append(shared, own...), err
}

// narrow keeps a node that is no main from having more on its disk than it may.
func (n *Node) narrow() error {
	if n.identity.Role == RoleMain {
		return nil
	}
	view := n.config.View()
	self, known := view.Node(n.identity.Name)
	if !known {
		self = n.self()
	}
	return n.config.Narrow(view.SiteOf(self))
}
