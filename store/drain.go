package store

import (
	"fmt"
	"slices"
)

// Drain has the phones of a node go to others, so that it can be taken down, or
// with Off lets them come again. A drained node is in no answer of the DNS and asks
// its phones to register elsewhere; calls go on there, and who finds nobody else is
// served. It stays drained until somebody says Off, through restarts too.
type Drain struct {
	By   Author
	Name string
	Off  bool
}

// On implements [Change]. It refuses what would leave phones without a node.
func (d Drain) On(v *View) (*View, error) {
	next := v.Config()
	at := slices.IndexFunc(next.Nodes, func(n Node) bool { return n.Name == d.Name })
	if at < 0 {
		return nil, &Error{Kind: NotFound, Field: "node", Message: fmt.Sprintf("there is no node %q: `carillon members` lists them", clip(d.Name))}
	}
	if next.Nodes[at].Drained == !d.Off {
		return v, nil
	}
	if err := d.check(v, next.Nodes[at]); err != nil {
		return nil, err
	}
	next.Nodes[at].Drained = !d.Off
	return NewView(next).At(v.index), nil
}

func (d Drain) check(v *View, n Node) error {
	conflict := func(format string, args ...any) error {
		return &Error{Kind: Conflict, Field: "node", Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case d.Off:
		return nil
	case n.Role == Witness:
		return conflict("%s is a witness: no phone is there", n.Name)
	case !v.hasOther(n, func(x Node) bool { return x.Role == Main }):
		return conflict("%s cannot be drained: no other main would be left for its phones", n.Name)
	}
	return nil
}

// hasOther reports whether a node that is not drained is like that, and is not n.
func (v *View) hasOther(n Node, is func(Node) bool) bool {
	return slices.ContainsFunc(v.config.Nodes, func(x Node) bool { return x.Name != n.Name && !x.Drained && is(x) })
}
