// Package node builds one running Carillon node. It is the only package that
// knows all the others, and it decides nothing about calls: it takes the data
// directory, finds out who it is, opens, connects, runs and closes. DESIGN.md
// beside this file says in which order and why.
package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/cluster/quorum"
	"carillon/cluster/ring"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/node/dhcpserver"
	"carillon/node/dnsserver"
	"carillon/node/metrics"
	"carillon/sipcore"
	"carillon/sipcore/trace"
	"carillon/store/disk"
	"carillon/store/live"
)

// A Node is one member of a Carillon system. Use New to make one.
type Node struct {
	o           Options
	log         *slog.Logger
	identity    identity
	certificate credential
	authority   *link.Authority // a main's; else nil
	sealer      sealer          // likewise
	address     netip.AddrPort  // where other nodes reach this one
	events      *admin.Events
	config      *configuration
	quorum      *quorum.Quorum // a main's or a witness's; else nil
	peers       *peers
	system      *system
	standing    *standing
	mutes       *mutes
	bindings    *live.Bindings
	calls       *live.Calls
	dialogs     *live.Dialogs
	bans        *bans
	presences   *live.Presences
	members     *membership
	outcasts    outcasts
	vouched     vouched
	out         out
	shown       *certificates
	names       *dnsserver.Server         // nil where DNS is off
	dhcp        *dhcpserver.Server        // nil at a witness
	sharing     *sharing                  // a witness has none
	drills      *drill                    // likewise
	following   atomic.Pointer[following] // nil at a node that is told of all calls
	subscribed  func() int                // how many subscriptions phones of this node have; nil: it has none
	parts       []*part                   // what Run runs, in the order of opening
	closers     []closer                  // in the order of opening; Close goes backwards
}

// firstLoad is how long a node reads its registrations before it answers anybody:
// all but the largest have them by then, the others while they serve.
const firstLoad = time.Second

type closer struct {
	name  string
	close func() error
}

// New opens everything a node consists of: its ports are bound and its
// configuration is in force, but nobody is answered before Run. A node that
// joins waits here for a main that lets it in. When a step fails, what was
// opened before it is closed again.
func New(ctx context.Context, o Options) (n *Node, err error) {
	if err = o.Validate(); err != nil {
		return nil, err
	}
	if o.clock == nil {
		o.clock = time.Now
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

	if err = n.identify(ctx, dir); err != nil {
		return n, err
	}
	n.events = admin.NewEvents(n.identity.Name)
	n.log = slog.New(warnings{o.Logger.Handler(), n.events})
	n.sayIgnored()

	config, err := disk.OpenConfig(o.Data)
	if err != nil {
		return n, err
	}
	n.onClose("the configuration", config.Close)
	n.config = &configuration{Config: config, events: n.events}
	if err = n.narrow(); err != nil {
		return n, err
	}

	port, err := link.Open(link.Options{
		Listen: netip.AddrPortFrom(n.identity.Listen, clusterPort), Identity: *n.certificate.Load(),
		Logger: n.log, Revoked: n.isRevoked, Unlisted: n.isUnlisted, OnOutcast: n.heardOut, OnJoin: n.admit,
	})
	if err != nil {
		return n, explainListen(err)
	}
	n.onClose("the cluster port", port.Close)
	n.run("the cluster port", port.Run)

	n.peers = &peers{self: n.identity, view: n.config.View, port: port, links: func() []session.Link { return nil }}
	n.peers.lines = func() []session.Line { return nil }
	n.config.proposer = forwarder{n.peers}
	stepping := newStepping(n.config, n.sealer, n.events, n.component("node"))
	if n.identity.Role != RoleLifeguard {
		if n.quorum, err = n.openQuorum(stepping); err != nil {
			return n, err
		}
		end := sync.OnceValue(n.quorum.Close)
		n.onClose("the log of changes", end)
		n.run("the log of changes", func(ctx context.Context) error { <-ctx.Done(); return end() })
	}
	if n.identity.Role == RoleMain {
		n.config.proposer = sealedProposer{
			proposer: n.quorum, sealer: n.sealer, view: n.config.View, turn: make(chan struct{}, 1),
			ready: func(ctx context.Context) bool { return n.peers.understand(ctx, askOrdered) },
		}
		port.HandleAsk(askOrdered, isOrdered)
		port.HandleAsk(askListed, n.vouches)
		n.onClose("who vouches", n.vouched.close)
		port.HandleAsk(askChange, n.config.decide)
		port.HandleAsk(askGoBack, n.config.goesBack)
	}

	said := &telling{site: n.site, log: n.component("node"), sites: make(map[string]told)}
	n.bindings, n.calls = live.NewBindings(n.identity.Name, said), live.NewCalls()
	lamps := &sited{class: dialogs, sites: make(map[string]cluster.Namespace)}
	n.dialogs = live.NewDialogs(n.identity.Name, n.domain, lamps)
	n.dialogs.Divide(func(user string) string { return siteOf(n.config.View(), user) })
	n.bans = newBans(n.identity.Name, n.events)

	sessions, err := session.New(n.sessionOptions(dir, port))
	if err != nil {
		return n, err
	}
	n.peers.links, n.peers.lines = sessions.Links, sessions.Lines
	n.presences = n.presence(sessions)
	said.open, n.bans.others = sessions.Namespace, sessions.Namespace(banned)
	lamps.open = func(channel string) cluster.Namespace { return sessions.Namespace(channel) }
	n.mutes = newMutes(sessions.Namespace(mute))
	n.standing = newStanding(n.peers, n.bindings, n.dialogs, n.presences, n.mutes, n.events, n.site(), sessions.Kick)
	sessions.OnLink(n.standing.heard)
	sessions.OnLink(hangUp(port))

	kept, err := disk.OpenBindings(o.Data, n.component("disk"))
	if err != nil {
		return n, err
	}
	n.onClose("the registrations", kept.Close)
	n.bindings.OnChange(kept.Changed)
	phones := newPhones(n.events)
	n.bindings.OnNews(phones.note)
	kept.Load(firstLoad, n.bindings)

	if n.shown, err = n.newCertificates(dir, port); err != nil {
		return n, err
	}
	memory := trace.New(n.identity.traceBytes())
	var sip *sipcore.Server // a witness has none
	if n.identity.Role != RoleWitness {
		sip, err = sipcore.Open(sipcore.Options{ //nolint:contextcheck // binding a port does not wait
			Node: n.identity.Name, Listen: n.identity.Listen, Port: o.Port, Store: config.Store(),
			Certificate: n.shown.certify, Roots: n.shown.roots,
			Bindings: n.bindings, Calls: n.calls, Dialogs: n.dialogs, Presences: n.presences, Bans: n.bans.Bans, Key: [32]byte(n.identity.Key), Peers: n.peers, Judge: n.peers.judge, Trace: memory,
			Alone: n.peers.alone.Load, Hear: n.hear, Tell: n.tells, Logger: n.component("sip"),
		})
		if err != nil {
			return n, explainListen(err)
		}
		n.onClose("SIP", sip.Close)
		n.bans.pardon, n.subscribed = sip.Pardon, sip.Subscriptions
		if n.identity.Role == RoleMain {
			n.peers.judges(port, sip)
		}
		port.Handle(link.ProtocolSIP, func(ctx context.Context, c net.Conn, from link.Peer) { sip.Serve(ctx, c, from.Node) })
	}

	if err = n.settle(ctx, dir); err != nil {
		return n, err
	}
	if n.authority != nil {
		n.shown.look(ctx)
	}

	rings, err := ring.New(ring.Options{
		Node: n.identity.Name, Site: cmp.Or(n.config.View().SiteOf(n.self()), firstSite), Role: n.identity.Role, Version: o.Version,
		Address: n.address, Port: port, Seeds: n.peers.seeds, Logger: n.component("ring"),
	})
	if err != nil {
		return n, err
	}
	rings.Watch(tellMembers(n.events, n.identity.Name))

	n.system = &system{
		self: n.self, started: time.Now(), version: o.Version, config: n.config, peers: n.peers,
		rings: rings, bindings: n.bindings, calls: n.calls, dialogs: n.dialogs, bans: n.bans, uses: admin.NewUses(), authority: n.authority,
		key: [32]byte(n.identity.Key), dhcp: func() *dhcpserver.Server { return n.dhcp },
	}
	if n.identity.Role == RoleMain {
		n.system.voters = newVoters(&voters{
			self: n.identity.Name, config: n.config, quorum: n.quorum, sealer: n.sealer, log: n.component("node"), health: o.health,
		})
	}
	n.system.answers(port)

	messages := &tracing{name: n.identity.Name, ring: memory, bindings: n.bindings, system: n.system}
	messages.answers(port)
	figures := metrics.Handler(n.reading(sip))

	var drills admin.Drills // a witness rehearses nothing
	if sip != nil {
		n.drills = n.rehearses(port, sip)
		drills = n.drills
	}
	asked, err := parseAPI(n.identity.API, n.identity.Listen)
	if err != nil {
		return n, err
	}
	api, err := admin.Open(ctx, admin.Options{
		Dir: o.Data, Status: n.status, System: n.system, Presences: n.presences, Nodes: n.system, Mains: n.system, Banning: n.system, Drills: drills,
		Certificate: n.shown.describe,
		Tracing:     messages, Metrics: figures, Events: n.events, Config: n.config, Logger: n.component("admin"),
		Blind: n.identity.Role == RoleWitness,
		Port:  asked, Certify: n.shown.certify, Explain: explainListen, Uses: n.system.uses, AllUses: n.system.allUses,
	})
	if err != nil {
		return n, fmt.Errorf("opening the API: %w", err)
	}
	n.onClose("the API", api.Close)

	if at, _ := parseMetrics(n.identity.Metrics); at.IsValid() { // it was checked before it was remembered
		prometheus, e := metrics.Open(ctx, at, figures, n.component("metrics"))
		if e != nil {
			return n, explainListen(e)
		}
		n.onClose("the port for Prometheus", prometheus.Close)
		n.run("the port for Prometheus", prometheus.Run)
	}

	if err = n.answerDNS(ctx); err != nil {
		return n, err
	}
	if err = n.answerDHCP(ctx, func(channel string) cluster.Namespace { return sessions.Namespace(channel) }); err != nil {
		return n, err
	}
	n.members = newMembership(membership{
		self: n.self, config: n.config, port: port, sessions: sessions, rings: rings, bindings: n.bindings, dialogs: n.dialogs, bans: n.bans.Bans, presences: n.presences, mutes: n.mutes,
		outcasts: &n.outcasts, events: n.events, log: n.component("node"),
	})
	n.system.rotation = newRotation(&rotation{
		own: &n.certificate, authority: n.authority, config: n.config, peers: n.peers, port: port, dir: dir,
		members: n.members, clock: o.clock, events: n.events, log: n.component("node"),
	})
	n.run("the node's certificate", n.system.rotation.Run)
	if n.system.voters != nil {
		n.run("the mains that decide", n.system.voters.Run)
		n.run("the news of another main's take-over", stepping.Run)
	}
	n.run("the registrations on disk", func(ctx context.Context) error { return kept.Run(ctx, n.bindings.AppendRecord, n.bindings) })
	n.run("the end of registrations", n.bindings.Run)
	n.run("the end of lamps of silent nodes", n.dialogs.Run)
	n.run("the news of phones", phones.Run)
	n.run("the end of bans", n.bans.Run)
	n.run("presence", n.presences.Run)
	n.calendars()
	n.run("the sessions", func(ctx context.Context) error {
		select {
		case <-kept.Loaded(): // others must not believe that the phones not yet loaded are gone
		case <-ctx.Done():
			return nil
		}
		return sessions.Run(ctx)
	})
	n.run("the rings", rings.Run)
	n.run("the mode", n.standing.Run)
	n.run("the members", n.members.Run)
	if sip != nil {
		going := &leaving{
			self: n.self, view: n.config.View, mode: n.standing.Mode, alive: n.system.isAlive, phones: sip, events: n.events,
		}
		n.run("the phones that are to go elsewhere", func(ctx context.Context) error { return going.Run(ctx, kept.Loaded()) })
		n.run("the certificate for phones", n.shown.Run)
		n.shareAddress(port, sip)
		n.run("SIP", sip.Run)
	}
	n.follow(sessions, sip)
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
