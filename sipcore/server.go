// Package sipcore is the SIP server of one node. It owns the listeners, gives
// every new request to the one handler of its method, and connects the parts
// that do the work: transport carries bytes, transaction orders them, registrar
// and proxy act, route and feature decide. A request is decided with one View,
// taken when it arrives.
//
// It runs without a cluster; package node hands it the tables it shares with
// other nodes.
package sipcore

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"carillon/sipcore/auth"
	"carillon/sipcore/dialog"
	"carillon/sipcore/feature"
	"carillon/sipcore/guard"
	"carillon/sipcore/presence"
	"carillon/sipcore/proxy"
	"carillon/sipcore/registrar"
	"carillon/sipcore/resolve"
	"carillon/sipcore/trace"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// DefaultPort is where SIP listens unless told otherwise (RFC 3261 section
// 19.1.2).
const DefaultPort = 5060

const (
	// maxDrain is how long a server that is stopped finishes what it has begun.
	maxDrain = time.Second
	// lastWords is how long it waits until all watchers have heard that they must go
	// elsewhere.
	lastWords = 2 * time.Second
	// lastRing is how much of that phones have to say that they stopped ringing.
	lastRing = 500 * time.Millisecond
	// lastHelp is how long a call for help that has not been answered holds up the
	// end: who calls has perhaps no other node, and calls no second time.
	lastHelp = 30 * time.Second
	// lastAck is how long behind it the ACK may take, without which the call ends.
	lastAck = time.Second
)

// Options is what a SIP server works with. Node, Store, Bindings, Calls and
// Logger are required.
type Options struct {
	Node   string     // its name in the system
	Listen netip.Addr // zero: all addresses
	Port   uint16     // 0: DefaultPort
	// Indoors is without sockets of its own, for tests: connections are handed over.
	Indoors bool
	// Certificate is shown over TLS; nil: there is no TLS.
	Certificate transport.Certify
	Roots       func() *x509.CertPool // whom we believe over TLS; nil: whom the machine does
	Store       *store.Store
	Bindings    *live.Bindings
	Calls       *live.Calls
	Dialogs     *live.Dialogs            // what lamps show; nil: a table of its own
	Presences   *live.Presences          // what else is known of users; nil: nothing
	Bans        *live.Bans               // whom to keep out; nil: a table of its own
	Key         [32]byte                 // seals tokens and nonces while the View has no keys; shared by all nodes of a system
	Peers       Peers                    // the other nodes; nil: there are none
	Judge       Judge                    // asks about users whose digests are elsewhere; nil: there is nobody to ask
	Alone       func() bool              // whether this node hears no main; nil: never
	Hear        func(user string) bool   // has this node told of a user's calls soon; false, or nil: it is already
	Tell        func(kind, words string) // tells people of an event; nil: nobody
	Trace       *trace.Ring              // remembers and counts messages; nil: they are only counted
	Logger      *slog.Logger
}

func (o *Options) validate() error {
	if o.Node == "" || o.Store == nil || o.Bindings == nil || o.Calls == nil || o.Logger == nil {
		return errors.New("sipcore: Node, Store, Bindings, Calls and Logger are required")
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Dialogs == nil {
		o.Dialogs = live.NewDialogs(o.Node, func() string { return o.Store.View().Domain() }, nil)
	}
	if o.Presences == nil {
		o.Presences = live.NewPresences(o.Node, nil)
	}
	if o.Bans == nil {
		o.Bans = live.NewBans(o.Node, nil)
	}
	if o.Alone == nil {
		o.Alone = func() bool { return false }
	}
	if o.Tell == nil {
		o.Tell = func(string, string) {}
	}
	if o.Trace == nil {
		o.Trace = trace.New(0)
	}
	return nil
}

// A Server is a running SIP server. Make one with Open.
type Server struct {
	o             Options
	transport     *transport.Layer
	wheel         *transaction.Wheel
	transactions  *transaction.Layer
	sealer        *auth.Sealer
	keying        sync.Mutex // held while sealer learns its keys
	unwatch       []func()
	checker       *auth.Checker
	registrar     *registrar.Registrar
	proxy         *proxy.Proxy
	peers         *pool
	calls         *dialog.Tracker
	events        *presence.Notifier
	publisher     *presence.Publisher
	defence       *defence
	helped        helped
	load          guard.Load
	seed          maphash.Seed  // of what it knows requests by
	fresh         atomic.Uint64 // requests of the kind that overload refuses
	toldNotJudged atomic.Int64  // when it was that nobody could be asked, in Unix seconds
	draining      atomic.Bool
	away          away
	unfit         chan struct{} // has one element when bindings may fit no more
}

// Open binds the listeners. Nothing is received before Run; the caller must
// Close the server.
func Open(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{o: o, wheel: transaction.NewWheel(), defence: newDefence(&o), seed: maphash.MakeSeed(), unfit: make(chan struct{}, 1)}
	var err error
	s.transport, err = transport.Open(transport.Options{
		Addr: o.Listen, Port: o.Port, Certificate: o.Certificate, Roots: o.Roots,
		Logger: o.Logger, Watcher: o.Trace, Gate: s.defence, Indoors: o.Indoors,
	})
	if err != nil {
		return nil, fmt.Errorf("listening for SIP: %w", err)
	}
	s.sealer = auth.NewSealer(o.Key, o.Node)
	s.unwatch = append(s.unwatch, o.Store.Watch(func(*store.View) {
		s.useKeys()
		s.Recheck()
	}))
	s.useKeys()
	s.checker = auth.NewChecker(s.sealer, s.defence)
	s.transactions = transaction.New(transaction.Options{Wheel: s.wheel, Logger: o.Logger}, s)
	if o.Peers == nil {
		o.Peers = nobody{}
	}
	s.peers = newPool(o.Peers, s.transport)
	s.calls = dialog.NewTracker(o.Node, o.Calls, o.Dialogs, o.Logger)
	s.proxy = proxy.New(s.proxyOptions(phones{node: o.Node, view: o.Store.View, bindings: o.Bindings, transport: s.transport}, s.sealer))
	s.registrar = registrar.New(registrar.Options{
		Bindings: o.Bindings, Checker: s.checker, Logger: o.Logger, LeadsHere: s.proxy.LeadsHere, Judge: s.judge,
		Leaves: s.away.leaves,
	})
	s.events = s.newEvents()
	s.publisher = presence.NewPublisher(o.Presences)
	return s, nil
}

// useKeys seals with the keys of the View from now on.
func (s *Server) useKeys() {
	s.keying.Lock()
	defer s.keying.Unlock()
	s.sealer.Use(s.o.Store.View().Keys())
}

// locator knows where phones are, for those who decide and those who do.
type locator interface {
	feature.TargetFinder
	feature.NodeFinder
	proxy.Locator
}

func (s *Server) proxyOptions(located locator, sealer *auth.Sealer) proxy.Options {
	return proxy.Options{
		Node: s.o.Node, Ports: s.transport.Ports(), Peers: s.peers, Transport: s.transport, Transactions: s.transactions, Wheel: s.wheel,
		Resolver: resolve.New(resolve.Options{Logger: s.o.Logger}), Sealer: sealer,
		Routing: feature.All(located, located, talks{s.o.Dialogs}, told{s.o.Presences, s.calls}), Phones: located,
		Calls: s.calls, Logger: s.o.Logger, Helps: s.helps,
	}
}

// Run serves until ctx ends or a listener fails, and returns when everything it
// started has ended. When ctx ends, what is under way gets a moment to finish.
func (s *Server) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, work := errgroup.WithContext(work)
	g.Go(func() error { return s.wheel.Run(work) })
	g.Go(func() error { return s.transport.Run(work, receiver{s}) })
	g.Go(func() error { return s.letBrowsersIn(work) })
	g.Go(func() error { return s.calls.Run(work) })
	g.Go(func() error { return s.events.Run(work) })
	g.Go(func() error { return s.watchLoad(work) })
	g.Go(func() error { return s.dropUnfit(work) })
	g.Go(func() error { return s.closeAway(work) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			s.drain(work)
			stop()
		case <-work.Done():
		}
		return nil
	})
	err := g.Wait()
	s.proxy.Close()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// drain turns new calls away, takes back those that ring, and waits a moment for
// the requests being forwarded and for watchers to hear that they must subscribe elsewhere, and as long as need be for calls for help.
func (s *Server) drain(ctx context.Context) {
	s.draining.Store(true)
	moment, cancel := context.WithTimeout(ctx, maxDrain)
	defer cancel()
	s.proxy.StopRinging()
	s.events.Deactivate()
	phones, stop := context.WithTimeout(moment, lastRing)
	defer stop()
	none(phones, s.proxy.Ringing)
	s.proxy.Dismiss(false)
	none(moment, s.proxy.Pending)
	words, enough := context.WithTimeout(ctx, lastWords)
	defer enough()
	none(words, s.events.Count)
	if s.proxy.Helping() > 0 {
		s.finishHelp(ctx)
	}
}

// finishHelp waits for calls for help, those included that come meanwhile.
func (s *Server) finishHelp(ctx context.Context) {
	s.o.Logger.Warn("this node does not end yet: somebody calls for help", "at_most", lastHelp)
	ctx, cancel := context.WithTimeout(ctx, lastHelp)
	defer cancel()
	none(ctx, s.proxy.Helping)
	s.proxy.Dismiss(true)
	acks, stop := context.WithTimeout(ctx, lastAck)
	defer stop()
	<-acks.Done()
}

// none waits until there are none, or ctx ends.
func none(ctx context.Context, count func() int) {
	for count() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Close releases the listeners and closes every connection.
func (s *Server) Close() error {
	for _, stop := range s.unwatch {
		stop()
	}
	return s.transport.Close()
}
