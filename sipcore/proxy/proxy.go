// Package proxy does what package route decided: a forking, record-routing,
// transaction-stateful proxy (RFC 3261 section 16, RFC 5658). It forwards the
// bytes it received and touches only the lines it must.
//
// A forwarded request is one fork: a struct under the lock of its server
// transaction, touched by the readers of flows and by the timing wheel. Nothing
// here waits on a reader; connecting and asking the DNS happen in goroutines
// that [Proxy.Run] waits for, and their result is one more event of the fork.
//
// It knows neither who may call (package sipcore decides that) nor where a
// number is registered (a [Locator] tells it).
package proxy

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"carillon/sipcore/auth"
	"carillon/sipcore/dialog"
	"carillon/sipcore/message"
	"carillon/sipcore/resolve"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// A Locator finds the phone behind a binding, or the node that holds it. It must
// not wait.
type Locator interface {
	// Locate returns the way to a user's device, and false when no such
	// binding exists any more.
	Locate(user, device string) (Way, bool)
	// OtherFlow returns the way by another flow of the same phone (RFC 5626)
	// that is open, here or at another node.
	OtherFlow(user, device string) (Way, bool)
	// SpeaksFor reports whether user is registered on flow, or from where it
	// comes.
	SpeaksFor(flow transport.Flow, user string) bool
	// Refused says that the phone at a Way that was dialled did not answer.
	Refused(user, device string)
}

// A Way leads to a phone.
type Way struct {
	Flow    transport.Flow // the flow it registered on, or zero when that is gone
	Kind    transport.Kind // the transport it registered over
	Contact string         // its Contact URI
	Dial    bool           // without a Flow, or should the Node be silent: whether the Contact may be dialled
	Path    []string       // proxies between the node and the phone (RFC 3327)
	Node    string         // the node that holds the phone when it is not this one; then there is no Flow
}

// uri is what is dialled: the first proxy on the way, or the phone.
func (w *Way) uri() string {
	if len(w.Path) > 0 {
		if a, err := message.ParseNameAddr(w.Path[0]); err == nil {
			return a.URI
		}
	}
	return w.Contact
}

// An Origin is who sent a request: the registered phone, or just a flow.
type Origin struct {
	Flow     transport.Flow
	User     string // empty when the flow belongs to no registered phone
	Device   string
	Instance string // names the phone, where it may have several flows
}

// Options is what a Proxy works with. All fields are required.
type Options struct {
	Node         string          // our name
	Ports        transport.Ports // of our listeners, for Via and Record-Route
	Peers        Peers
	Transport    *transport.Layer
	Transactions *transaction.Layer
	Wheel        *transaction.Wheel
	Resolver     *resolve.Resolver
	Sealer       *auth.Sealer
	Routing      route.Pipeline
	Phones       Locator
	Calls        *dialog.Tracker
	Logger       *slog.Logger
	// Helps is told what becomes of a call for help. It must not wait.
	Helps func(c *route.Call, what string)
}

// A Proxy forwards requests. It is safe for concurrent use.
type Proxy struct {
	o       Options
	seed    maphash.Seed    // of the loop marks
	ctx     context.Context // of the goroutines that dial
	stop    context.CancelFunc
	dials   sync.WaitGroup
	dialing atomic.Int32
	pending atomic.Int64
	ringing atomic.Int64
	helping atomic.Int64
	guests  guests
}

// maxDials bounds the goroutines that wait for a connection or a name.
const maxDials = 2000

// New returns a Proxy. It starts nothing.
func New(o Options) *Proxy {
	p := &Proxy{o: o, seed: maphash.MakeSeed()}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Close gives up what is being dialled and waits for it.
func (p *Proxy) Close() {
	p.stop()
	p.dials.Wait()
}

// Pending returns how many requests wait for their final response, INVITEs not
// counted.
func (p *Proxy) Pending() int { return int(p.pending.Load()) }

// Ringing returns how many INVITEs wait for their final response, calls for help not
// counted.
func (p *Proxy) Ringing() int { return int(p.ringing.Load()) }

// Helping returns how many calls for help wait for their final response.
func (p *Proxy) Helping() int { return int(p.helping.Load()) }

// Dialing returns how many connections are being opened, names looked up and
// questions asked.
func (p *Proxy) Dialing() int { return int(p.dialing.Load()) }

// inBackground runs f, which may wait, outside the reading path. It returns
// false when too many already wait. A panic of f ends no more than f.
func (p *Proxy) inBackground(f func(context.Context)) bool {
	if p.dialing.Add(1) > maxDials {
		p.dialing.Add(-1)
		return false
	}
	p.dials.Go(func() {
		defer p.dialing.Add(-1)
		defer p.recovered()
		f(p.ctx)
	})
	return true
}

// Await runs f, which may wait, outside the reading path, and then calls then with
// f's error and tx locked. It returns false, and calls neither, when too many
// already wait.
func (p *Proxy) Await(tx *transaction.Server, f func(context.Context) error, then func(error)) bool {
	return p.inBackground(func(ctx context.Context) {
		err := p.tried(func() error { return f(ctx) })
		tx.Do(func() { then(err) })
	})
}

// errPanic is the error of what has panicked; the log has more.
var errPanic = errors.New("it panicked")

// tried calls f, and makes an error of a panic: what waits for f is told.
func (p *Proxy) tried(f func() error) (err error) {
	err = errPanic
	defer p.recovered()
	return f()
}

// recovered, deferred, ends a panic. The log says where, but not with what: a
// message is nobody's but its sender's.
func (p *Proxy) recovered() {
	r := recover()
	if r == nil {
		return
	}
	what := fmt.Sprintf("%T", r)
	if err, ok := r.(runtime.Error); ok {
		what = err.Error()
	}
	p.o.Logger.Error("a goroutine of the proxy panicked", "panic", what, "stack", string(debug.Stack()))
}

// Respond answers tx, which must be locked, with a response of our own making.
// It is for requests of those who were let in: over UDP it is repeated until it
// is acknowledged.
func Respond(tx *transaction.Server, status int, reason string) {
	reply := tx.Request().Reply(status, reason, tx.Tag())
	tx.Answer(status, &reply)
}
