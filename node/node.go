// Package node builds one running Carillon node. It is the only package that
// knows all the others, and it decides nothing about calls: it takes the data
// directory, finds out who it is, opens, connects, runs and closes. DESIGN.md
// beside this file says in which order and why.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"carillon/cluster/quorum"
	"carillon/node/admin"
	"carillon/sipcore"
	"carillon/store/disk"
	"carillon/store/live"
)

// A Node is one member of a Carillon system. Use New to make one.
type Node struct {
	o        Options
	log      *slog.Logger
	identity identity
	events   *admin.Events
	config   *configuration
	bindings *live.Bindings
	calls    *live.Calls
	parts    []*part  // what Run runs, in the order of opening
	closers  []closer // in the order of opening; Close goes backwards
}

type closer struct {
	name  string
	close func() error
}

// New opens everything a node consists of: its ports are bound and its
// configuration is in force, but nobody is answered before Run. When a step
// fails, what was opened before it is closed again.
func New(ctx context.Context, o Options) (n *Node, err error) {
	if err = o.Validate(); err != nil {
		return nil, err
	}
	n = &Node{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
			n = nil
		}
	}()

	dir, err := openDirectory(o.Data)
	if err != nil {
		return n, fmt.Errorf("opening the data directory: %w", err)
	}
	n.onClose("the data directory", dir.Close)

	if n.identity, err = loadIdentity(dir, o); err != nil {
		return n, err
	}
	n.events = admin.NewEvents(n.identity.Name)
	n.log = slog.New(warnings{o.Logger.Handler(), n.events})
	if o.First && !n.identity.Founded.IsZero() {
		n.log.Info("a node lives here already: --first is ignored", "name", n.identity.Name)
	}

	config, err := disk.OpenConfig(o.Data)
	if err != nil {
		return n, err
	}
	n.onClose("the configuration", config.Close)

	raft, err := quorum.Open(quorum.Options{
		Dir: o.Data, Node: n.identity.Name, Machine: config, Applied: config.Applied(),
		Found: true, Logger: n.component("quorum"),
	})
	if err != nil {
		return n, err
	}
	n.onClose("the log of changes", raft.Close)
	n.config = &configuration{Config: config, quorum: raft, events: n.events}

	phones := newPhones(n.events)
	n.bindings, n.calls = live.NewBindings(n.identity.Name, phones), live.NewCalls()
	phones.bindings = n.bindings
	kept, err := disk.OpenBindings(o.Data, n.component("disk"))
	if err != nil {
		return n, err
	}
	n.onClose("the registrations", kept.Close)
	for _, b := range kept.Load() {
		n.bindings.Restore(b)
	}
	phones.restored()
	n.bindings.OnChange(kept.Changed)

	sip, err := sipcore.Open(sipcore.Options{ //nolint:contextcheck // binding a port does not wait
		Node: n.identity.Name, Listen: n.identity.Listen, Port: o.Port, Store: config.Store(),
		Bindings: n.bindings, Calls: n.calls, Key: [32]byte(n.identity.Key), Logger: n.component("sip"),
	})
	if err != nil {
		return n, explainListen(err)
	}
	n.onClose("SIP", sip.Close)

	if err = n.settle(ctx, dir); err != nil {
		return n, err
	}

	api, err := admin.Open(ctx, admin.Options{
		Dir: o.Data, Status: n.status, Bindings: n.bindings, Calls: n.calls,
		Events: n.events, Config: n.config, Logger: n.component("admin"),
	})
	if err != nil {
		return n, fmt.Errorf("opening the API: %w", err)
	}
	n.onClose("the API", api.Close)

	n.run("the registrations on disk", func(ctx context.Context) error { return kept.Run(ctx, n.bindings.Record) })
	n.run("the end of registrations", n.bindings.Run)
	n.run("the news of phones", phones.Run)
	n.run("SIP", sip.Run)
	n.run("the API", api.Run)
	return n, nil
}

// Close takes the node down in the reverse order of opening.
func (n *Node) Close() error {
	var errs []error
	for _, c := range slices.Backward(n.closers) {
		if err := c.close(); err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", c.name, err))
		}
	}
	n.closers = nil
	return errors.Join(errs...)
}

// Name returns the node's name.
func (n *Node) Name() string { return n.identity.Name }

// Listen returns the one address that the node listens on, or the zero Addr
// when it listens on all.
func (n *Node) Listen() netip.Addr { return n.identity.Listen }

func (n *Node) onClose(name string, f func() error) { n.closers = append(n.closers, closer{name, f}) }

func (n *Node) component(name string) *slog.Logger { return n.log.With("component", name) }
