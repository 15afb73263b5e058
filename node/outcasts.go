package node

import (
	"sync"
	"sync/atomic"
	"time"

	"carillon/cluster/link"
	"carillon/store"
)

// outcast is the channel in which each main says which nodes are gone: under the
// name, the certificate that counts no more. It is a hundred bytes before all
// else, where a View may take a minute of a line.
const outcast = "out"

// outcasts are the certificates that mains have said to be revoked; the View says
// so later. Their zero value has none.
type outcasts struct {
	mu   sync.RWMutex
	have map[string]bool
}

func (o *outcasts) has(certificate string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.have[certificate]
}

func (o *outcasts) add(certificate string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.have == nil {
		o.have = make(map[string]bool)
	}
	o.have[certificate] = true
}

// turnOut takes in that a main has said that a node is gone. Nobody else may.
func (n *Node) turnOut(owner string, certificate []byte) {
	if says, known := n.peers.find(owner); !known || says.Role != RoleMain || len(certificate) == 0 {
		return
	}
	n.outcasts.add(string(certificate))
	n.members.hurry()
}

// isRevoked is asked by the port about every certificate. While it is good, who is
// out is told by the list of those that are out: a View that lags behind must not
// turn away a node that has just come. When it has ended, who is in is told by the
// list of those that are in: the other one may be forgotten then, and nobody is shut
// out by a clock that is wrong or by years in a cupboard.
func (n *Node) isRevoked(s link.Shown) bool {
	view := n.config.View()
	switch {
	case view.IsRevoked(s.Key), n.outcasts.has(s.Key), view.IsRevoked(s.Certificate), n.outcasts.has(s.Certificate):
		return true
	case view.Index() == 0 || s.Ends.After(n.earliest()):
		return false
	}
	return !view.Lists(s.Node, s.Key) && !view.Lists(s.Node, s.Certificate)
}

// isUnlisted is asked after that. A main that is gone may have given anybody a
// certificate, or may yet: since then it is the key that counts, and the role that
// the registry has for it. Who has just come is turned away until the View is here.
func (n *Node) isUnlisted(s link.Shown) bool {
	view, own := n.config.View(), n.certificate.Load()
	if !view.IsClosed() || lists(view, s) || n.vouched.has(s) {
		return false
	}
	if !view.Lists(n.identity.Name, own.Fingerprint()) && !listsCertificate(view, own) {
		return false // the View is from before this node was in it, and knows nothing of today's mains
	}
	if n.identity.Role == RoleMain && s.Role == link.Main {
		n.vouched.ask(n, s) // what came to pass without this main it hears of the one that leads alone
	}
	return true
}

// lists reports whether a View has the node that shows a certificate, in its role.
func lists(view *store.View, s link.Shown) bool {
	n, known := view.Node(s.Node)
	return known && n.Role == string(s.Role) && (n.Certificate == "" || view.Lists(s.Node, s.Key) || view.Lists(s.Node, s.Certificate))
}

// earliest is what the time is at least: a branch may begin with a clock of 1970, but
// it has a certificate that a main has issued since.
func (n *Node) earliest() time.Time {
	now := n.o.clock()
	if begun, _ := n.certificate.Load().Validity(); begun.After(now) {
		return begun
	}
	return now
}

// out is which node has said first that this one is out of the system.
type out struct{ by atomic.Pointer[string] }

// By returns that node, or nothing.
func (o *out) By() string {
	if by := o.by.Load(); by != nil {
		return *by
	}
	return ""
}

// heardOut is called when another node has said so.
func (n *Node) heardOut(by string) {
	if n.out.by.CompareAndSwap(nil, &by) {
		n.log.Error("this node is out of the system: it was removed, or another one has joined under its name; "+
			"it goes on alone until it is stopped; to have it back, delete its data directory and join with a new token", "says", by)
	}
}
