// Package presence is the notifier of RFC 6665: who watches what of whom, and how
// watchers learn of it. It keeps the subscriptions that phones have at this node, and
// sends NOTIFY when what they can see of a user has changed. What that is, and how it is
// written, a [Package] says; where it comes from, on which node it happened, and what it
// is for are nobody's business here.
//
// Rules that every file here obeys:
//
//   - One goroutine, [Notifier.Run], sends. Who answers a SUBSCRIBE, or tells of a
//     change, only queues; it never waits.
//   - A subscription has one NOTIFY under way at most. What changes meanwhile is told by
//     the next one, as it is then.
//   - The lock of a Notifier is held for some instructions, and never while a table, a
//     transaction or a flow is called: tables tell of changes with their locks held.
package presence

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
)

// Options is what a Notifier works with. What says no default is required.
type Options struct {
	Packages     []Package
	Transactions *transaction.Layer
	Wheel        *transaction.Wheel
	Ports        transport.Ports // of our listeners, for Via and Contact
	Logger       *slog.Logger

	// LeadsHere reports whether a URI is an address of this system: such a Contact is
	// refused, for what is sent there would come back. nil: none is.
	LeadsHere func(*store.View, message.URI) bool
	// NameOf returns what a user is called, for lists of them; "" if it is not known. nil:
	// nobody has a name.
	NameOf func(user string) string
	// Find returns another open flow of the watcher's phone that was reached by a flow
	// that is closed, and gave a URI as its Contact. It must not wait. nil: there is none.
	Find func(watcher string, was transport.Flow, target string) (transport.Flow, bool)
	// Serves reports where the phones of a user are registered: at this node, or at others
	// that are heard. nil: nobody's are.
	Serves func(user string) (here, elsewhere bool)
	// Connect opens a flow to a URI, of a kind where that does not say it. It waits.
	// nil: nobody is connected to.
	Connect func(ctx context.Context, uri string, kind transport.Kind) (transport.Flow, error)

	Limits Limits
}

// Limits bound what watchers may use up. Zero fields take their defaults.
type Limits struct {
	Total   int           // subscriptions: 60,000
	PerUser int           // of one watcher: 2,500
	Min     time.Duration // less is refused with 423: 1 min
	Max     time.Duration // what is granted at most: 10 min
}

// A phone notices at its next refresh that its node is gone, so the longest is short:
// 40,000 subscriptions ask 67 times a second.
func (l Limits) withDefaults() Limits {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&l.Total, 60_000)
	set(&l.PerUser, 2500)
	if l.Min == 0 {
		l.Min = time.Minute
	}
	if l.Max == 0 {
		l.Max = 10 * time.Minute
	}
	return l
}

// A Notifier holds the subscriptions of one node. It is safe for concurrent use; make
// one with New.
type Notifier struct {
	o       Options
	wake    chan struct{} // has one element when there is something to do
	dialing sync.WaitGroup
	dials   chan struct{} // has one element for each connection that is being opened
	count   counts
	last    rendering // of Run, as is auditor
	auditor auditor

	mu        sync.Mutex
	subs      map[string]*subscription // by our tag
	resources map[resourceKey]*resource
	watchers  map[string]int // how many subscriptions each has
	live      map[*Package]int
	served    map[string]bool // watchers of whom a phone was registered here
	closed    bool            // Deactivate was called
	changed   []*resource     // to be looked at
	due       []*subscription
}

// maxDials bounds the connections that are being opened.
const maxDials = 64

// New returns a Notifier without subscriptions. It starts nothing.
func New(o Options) *Notifier {
	o.Limits = o.Limits.withDefaults()
	o.Logger = o.Logger.With("component", "presence")
	return &Notifier{
		o: o, wake: make(chan struct{}, 1), dials: make(chan struct{}, maxDials),
		subs: make(map[string]*subscription), resources: make(map[resourceKey]*resource), watchers: make(map[string]int), live: make(map[*Package]int), served: make(map[string]bool),
	}
}

// Changed says that what can be seen of a user by a package may be another. It neither
// waits nor calls anybody: who holds locks may call it.
func (n *Notifier) Changed(pkg, user string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.resources[resourceKey{pkg, user}]; r != nil {
		n.lookLocked(r)
	}
}

// lookLocked has a resource looked at.
func (n *Notifier) lookLocked(r *resource) {
	if !r.queued {
		r.queued = true
		n.changed = append(n.changed, r)
		n.kick()
	}
}

// dueLocked has a subscription told what it does not know yet.
func (n *Notifier) dueLocked(s *subscription) {
	if !s.queued {
		s.queued = true
		n.due = append(n.due, s)
		n.kick()
	}
}

func (n *Notifier) kick() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run tells watchers until ctx ends, and returns when what it started has ended.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.dialing.Wait()
	var follow <-chan time.Time // never, where nobody knows of other nodes
	if n.o.Serves != nil {
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		follow = tick.C
	}
	var audit <-chan time.Time // never, where nobody watches
	for {
		select {
		case <-follow:
			n.follow()
		case <-audit:
			n.audit()
			audit = n.nextAudit()
		case <-ctx.Done():
			return ctx.Err()
		case <-n.wake:
			n.work(ctx)
			if audit == nil {
				audit = n.nextAudit()
			}
		}
	}
}

// work does what is queued. What changed comes first, so that who is due is told the
// newest.
func (n *Notifier) work(ctx context.Context) {
	defer func() { n.last = rendering{} }()
	for ctx.Err() == nil {
		if r := n.nextChanged(); r != nil {
			n.contained(func() { n.look(r) })
		} else if s := n.nextDue(); s != nil {
			n.contained(func() { n.tell(ctx, s) })
		} else {
			return
		}
	}
}

// contained calls f. A mistake of ours costs one NOTIFY; the log says where it is, and
// nothing of what was told.
func (n *Notifier) contained(f func()) {
	defer func() {
		if r := recover(); r != nil {
			n.o.Logger.Error("telling a watcher panicked", "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		}
	}()
	f()
}

func (n *Notifier) nextChanged() *resource {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, rest := first(n.changed)
	n.changed = rest
	if r != nil {
		r.queued = false
	}
	return r
}

func (n *Notifier) nextDue() *subscription {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, rest := first(n.due)
	n.due = rest
	if s != nil {
		s.queued = false
	}
	return s
}

// first takes the first element off a queue, whose memory is used again when it is
// empty.
func first[T any](queue []*T) (x *T, rest []*T) {
	if len(queue) == 0 {
		return nil, queue
	}
	x, queue[0] = queue[0], nil
	if len(queue) == 1 {
		return x, nil
	}
	return x, queue[1:]
}

// Deactivate ends all subscriptions and has their phones subscribe anew, elsewhere (RFC
// 6665 section 4.1.3). It is for a node that stops: none can be begun any more.
func (n *Notifier) Deactivate() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, s := range n.subs {
		s.endLocked(deactivated)
	}
}

// counts are what a Notifier has done.
type counts struct {
	sent, failed, ended, refused, dialled atomic.Uint64
	mistaken                              atomic.Int64
}

// Counters are counts since the start, but for Live.
type Counters struct {
	Live    map[string]int // subscriptions now, by package
	Sent    uint64         // NOTIFYs
	Failed  uint64         // of them, those with no answer, or a refusal
	Lost    uint64         // subscriptions that ended because their phone was not there, or said so
	Refused uint64         // SUBSCRIBEs of users
	Dialled uint64         // connections opened to tell somebody

	Mistaken time.Duration // for how long watchers had not been told: of each, added up
}

// Counters returns the counts, which need not be of one instant.
func (n *Notifier) Counters() Counters {
	live := make(map[string]int, len(n.o.Packages))
	n.mu.Lock()
	for i := range n.o.Packages {
		live[n.o.Packages[i].Name] = n.live[&n.o.Packages[i]]
	}
	n.mu.Unlock()
	return Counters{
		Live: live, Sent: n.count.sent.Load(), Failed: n.count.failed.Load(), Lost: n.count.ended.Load(),
		Refused: n.count.refused.Load(), Dialled: n.count.dialled.Load(),
		Mistaken: time.Duration(n.count.mistaken.Load()),
	}
}

// Count returns how many subscriptions there are.
func (n *Notifier) Count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.subs)
}
