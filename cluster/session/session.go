// Package session keeps one connection to each node it is told to, and carries
// over it what nodes say about themselves and, from the mains to the others,
// the configuration. It watches each line by small hellos beside the
// connection. It decides neither whom to talk to nor who may talk: that is the
// caller's and the link's business; and it knows of keys and values only that
// they are bytes.
package session

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
)

// The roles of nodes, as they stand in certificates.
const (
	roleMain      = "main"
	roleLifeguard = "lifeguard"
)

// A Peer is a node to keep a session with.
type Peer struct {
	Node    string
	Role    string // empty: a lifeguard if Relay is set, else a main
	Address netip.AddrPort
	Site    string // where it stands
	Relay   bool   // we forward to it what others say
	Budget  int    // kbit/s that sessions may take of the line to it, both ways together; 0: no bound
}

func (p *Peer) role() string {
	switch {
	case p.Role != "":
		return p.Role
	case p.Relay:
		return roleLifeguard
	}
	return roleMain
}

// Options say who this node is and whom it talks to. The functions are called
// without a lock held, but must not wait: a session stands still meanwhile.
type Options struct {
	Node string
	Role string // main, lifeguard or witness
	Inc  uint64 // our incarnation, on disk already
	Port Port

	// Peers returns with whom to keep sessions, in order of preference. It is
	// asked again after each Kick, and when an unknown node calls.
	Peers func() []Peer
	// Learned is told what another node said. Of one key, changes come in order.
	Learned func(owner, channel string, x replica.Change)
	// Renew, if not nil, puts our next incarnation on disk, when others turn out to
	// know later ones than Inc.
	Renew func(inc uint64) error
	// Carried, if not nil, says what the line has carried to and from a node, by what
	// for, as link.Port does.
	Carried func(node string) map[string]link.Carried
	// Priority lists channels, the most urgent first, by what they are called before
	// a slash. Others come after them.
	Priority []string
	// Concerns, if not nil, reports whether those nodes of a site that are no mains
	// want a channel; nil is yes. It is called with a lock held.
	Concerns func(site, channel string) bool

	Feed   Source // what we push to lifeguards; nil for none
	FeedTo Sink   // where a main's configuration goes; nil for none

	Logger *slog.Logger
}

func (o *Options) validate() error {
	switch {
	case o.Node == "" || o.Role == "" || o.Inc == 0:
		return errors.New("a session needs a node, its role and its incarnation")
	case o.Port == nil || o.Peers == nil || o.Logger == nil:
		return errors.New("a session needs a port, its peers and a logger")
	}
	return nil
}

// Sessions are the sessions of one node. All methods may be called by many at
// a time.
type Sessions struct {
	o    Options
	log  *slog.Logger
	base time.Time // what monotonic instants count from; before all of them

	kick  chan struct{} // the peers may be others
	watch chan struct{} // the monitor has to look again
	news  chan struct{} // a link has changed
	feed  feed

	learning sync.Mutex // held from applying a delta until Learned has heard of it; before mu

	mu      sync.Mutex
	running context.Context // the life of Run, which connections from outside share; nil outside it
	work    sync.WaitGroup
	inc     uint64
	set     replica.Set
	// What we want of classes of channels; all of those that are not here.
	interests map[string]interest
	epoch     uint64
	marks     map[*replica.Replica][]mark
	rumours   map[*replica.Replica]time.Time // since when others are known to have more
	gone      map[string]bool                // nodes that were forgotten: nothing of theirs is learned
	peers     map[string]*peer
	order     []*peer   // as Peers returned them
	primary   *peer     // of a node that is no main
	config    uint64    // the index of our configuration, whether we decide it or are given it
	awake     time.Time // when the monitor wants to look again at the latest
	behind    time.Time // since when a main other than the primary has a later one; zero: none has
	changed   []*peer   // links to tell the watchers of
	watchers  []func(Link)
}

// New prepares sessions and has the port hand over what is for them. It starts
// nothing: see Run.
func New(o Options) (*Sessions, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Sessions{
		o: o, log: o.Logger.With("component", "session"), base: time.Now().Add(-1), inc: o.Inc,
		kick: make(chan struct{}, 1), watch: make(chan struct{}, 1), news: make(chan struct{}, 1),
		marks: map[*replica.Replica][]mark{}, rumours: map[*replica.Replica]time.Time{}, interests: map[string]interest{}, gone: map[string]bool{}, peers: map[string]*peer{},
	}
	o.Port.Handle(Protocol, s.accept)
	o.Port.HandlePacket(PacketClass, s.hear)
	return s, nil
}

// Run keeps the sessions until ctx ends, then closes them and returns nil when
// all that it started has ended. It runs once.
func (s *Sessions) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.configure()
	s.mu.Lock()
	s.running = ctx
	s.work.Go(func() { s.monitor(ctx) })
	s.work.Go(func() { s.tell(ctx) })
	s.mu.Unlock()
	for ctx.Err() == nil {
		s.refresh(ctx)
		select {
		case <-s.kick:
		case <-ctx.Done():
		}
	}
	s.stop()
	s.work.Wait()
	return nil
}

func (s *Sessions) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	for _, p := range s.order {
		p.remove()
	}
}

// Kick has the peers read again.
func (s *Sessions) Kick() { wake(s.kick) }

// wake leaves a note in c, which has room for one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
