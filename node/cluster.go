package node

import (
	"context"
	"strings"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
	"carillon/cluster/session"
)

// identify finds out who this node is: it was one before, founds a system, or
// joins one.
func (n *Node) identify(ctx context.Context, d *directory) (err error) {
	if n.o.joins(d) {
		n.identity, err = join(ctx, d, n.o)
	} else {
		n.identity, err = loadIdentity(d, n.o)
	}
	if err != nil {
		return err
	}
	if err = n.identity.foundAuthority(); err != nil {
		return err
	}
	n.identity.live()
	n.address = ownAddress(n.identity.Listen)
	own, err := link.LoadIdentity(n.identity.Certificate)
	if err == nil {
		err = n.certificate.use(own, n.identity.NextKey)
	}
	if err != nil {
		return err
	}
	if len(n.identity.Authority) > 0 {
		if n.authority, err = link.LoadAuthority(n.identity.Authority); err != nil {
			return err
		}
		n.sealer, err = newSealer(n.identity.Authority)
	}
	return err
}

// sayIgnored says which flags have no meaning where a node lives.
func (n *Node) sayIgnored() {
	switch {
	case n.identity.Founded.IsZero():
	case n.o.First:
		n.log.Info("a node lives here already: --first is ignored", "name", n.identity.Name)
	case n.o.Join != "" || n.o.Token != "":
		n.log.Info("a node lives here: --join and --token are ignored from now on", "name", n.identity.Name)
	}
}

// sessionOptions says with whom this node keeps sessions, and what comes of what
// it hears.
func (n *Node) sessionOptions(dir *directory, port *link.Port) session.Options {
	o := session.Options{
		Node: n.identity.Name, Role: n.identity.Role, Inc: n.identity.Incarnation, Port: port,
		Peers: n.peers.sessions, Learned: n.learned, Renew: n.renewer(dir), Carried: port.Carried,
		Priority: []string{outcast, mute, banned, registrations, pointers, dialogs, published, leased}, Concerns: concerns, Logger: n.log,
	}
	if n.identity.Role == RoleMain {
		o.Feed = source{n.config.Config, n.component("node")}
	} else {
		o.FeedTo = sink{n.config, n.identity.Name, n.identity.Role}
	}
	return o
}

// learned takes in what another node says about itself.
func (n *Node) learned(owner, channel string, x replica.Change) {
	if owner == n.identity.Name {
		return
	}
	var err error
	switch class, of, _ := strings.Cut(channel, "/"); class {
	case registrations:
		err = n.bindings.LearnText(owner, x.Text, x.Cut)
	case pointers:
		if n.identity.Role != RoleMain { // which has what they point to
			err = n.bindings.LearnPointer(owner, x.Key(), []byte(x.Value()))
		}
	case dialogs:
		err = n.dialogs.Learn(owner, of+"/"+x.Key(), []byte(x.Value()))
	case banned:
		err = n.bans.Learn(owner, x.Key(), []byte(x.Value()))
	case published:
		err = n.presences.Learn(owner, x.Key(), []byte(x.Value()), time.Now())
	case leased:
		err = n.learnLease(owner, of, x.Key(), []byte(x.Value()))
	case mute:
		n.learnMute(owner, x.Key(), x.Value() != "")
	case outcast:
		n.turnOut(owner, []byte(x.Value()))
	}
	if err != nil {
		n.log.Warn("what another node says of itself makes no sense", "node", owner, "channel", channel, "error", err)
	}
}

// renewer returns what puts another incarnation on disk while the node runs.
func (n *Node) renewer(d *directory) func(uint64) error {
	return func(inc uint64) error {
		return d.changeIdentity(func(i *identity) { i.Incarnation = max(i.Incarnation, inc) })
	}
}

// hangUp ends what is open to a node that is not heard any more: SIP, questions
// and all else would wait for the patience of TCP.
func hangUp(port *link.Port) func(session.Link) {
	return func(l session.Link) {
		if l.State == session.Down {
			port.HangUp(l.Node)
		}
	}
}
