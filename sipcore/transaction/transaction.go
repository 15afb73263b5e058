// Package transaction is RFC 3261 section 17 with the corrections of RFC 6026:
// it matches messages to transactions, retransmits, absorbs retransmissions,
// acknowledges non-2xx responses and answers CANCEL. A transaction is one
// struct in a sharded table and at most one timer in a sharded [Wheel]; it has
// no goroutine and allocates nothing for its timers.
//
// What a request means is the business of the [User]; bytes travel by package
// transport; headers are read by package message. There is no dialog here, no
// routing and no address resolution.
//
// # Locks
//
// Every [Server] has a mutex. The [Client]s started for it share that mutex, so
// that a proxied call is one struct under one lock; a Client started for no
// Server has its own. Callbacks about a transaction are made with its lock held,
// and methods of a Server or Client need it held unless they say otherwise.
// The order of locks is:
//
//  1. one transaction's lock; never two at a time;
//  2. locks of the transport, by sending;
//  3. a shard of a table or of the wheel. These are leaves: they are held for
//     a few instructions, and never while something is called or sent.
//
// The wheel holds no lock when a timer expires: the owner takes its own lock
// and then asks [Timer.Expired] whether the expiry still counts.
package transaction

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// ErrTimeout says that no final response came in time (RFC 3261 timers B and F,
// or 64*T1 after a CANCEL).
var ErrTimeout = errors.New("no final response in time")

// Options is what a Layer works with.
type Options struct {
	T1, T2, T4 time.Duration // RFC 3261 section 17.1.1.1; 0 means 500 ms, 4 s, 5 s
	Wheel      *Wheel        // required; the caller runs it
	Logger     *slog.Logger  // nil logs nothing

	// MaxServers is how many server transactions there may be; about as many
	// as that, new requests are answered 503 without becoming one. 0 means
	// 200,000.
	MaxServers int
}

func (o Options) withDefaults() Options {
	o.T1 = orElse(o.T1, 500*time.Millisecond)
	o.T2 = orElse(o.T2, 4*time.Second)
	o.T4 = orElse(o.T4, 5*time.Second)
	if o.MaxServers == 0 {
		o.MaxServers = 200_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("component", "transaction")
	return o
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// A User is the transaction user of RFC 3261 section 17. It is called by the
// readers of flows and must not wait.
type User interface {
	// Request gets a new request that is neither ACK nor CANCEL, with tx
	// locked. Its headers are not validated. It must sooner or later be
	// answered or dropped: a server transaction has no timer of its own before
	// its final response.
	Request(tx *Server)

	// Ack gets an ACK that has no transaction to absorb it: the one of a 2xx.
	// No lock is held.
	Ack(f transport.Flow, m *message.Message)

	// Cancel says that an INVITE without a final response was cancelled, with
	// tx locked. It comes at most once. The CANCEL itself is answered already;
	// the INVITE still is to be. cancel is nil when there is none, but the
	// connection of the client closed and it has not come back on another.
	Cancel(tx *Server, cancel *message.Message)

	// Broke says that one of these callbacks, or one of a [ClientUser] that serves
	// tx, has panicked, with tx locked. What was begun for it is to be taken back;
	// the request itself is answered 500 if it has no final response.
	Broke(tx *Server)

	// Stray gets a response that no client transaction waits for. No lock is
	// held.
	Stray(f transport.Flow, m *message.Message)
}

// A Layer holds the transactions of one server. It is safe for concurrent use.
type Layer struct {
	o       Options
	user    User
	keys    keys
	servers table[Server]
	clients table[Client]
	count   tally
	answers answers
	sweep   sweep
	rooms   sync.Pool // of *[roomSize]byte
}

// New returns a Layer that hands what it receives to u. It starts nothing.
func New(o Options, u User) *Layer {
	l := &Layer{o: o.withDefaults(), user: u, keys: newKeys()}
	l.sweep.layer = l
	l.rooms.New = func() any { return new([roomSize]byte) }
	l.answers.since = time.Now()
	l.o.Wheel.panics.logger.Store(l.o.Logger)
	return l
}

// Receive takes a message from a flow, matches it and carries it to the end. It
// does not wait but for the lock of the transaction concerned. Messages of one
// flow must be given in their order.
func (l *Layer) Receive(f transport.Flow, m *message.Message) {
	switch {
	case !m.IsRequest():
		l.response(f, m)
	case m.Method() == message.ACK:
		l.ack(f, m)
	case m.Method() == message.CANCEL:
		l.cancel(f, m)
	default:
		l.request(f, m)
	}
}

// Closed says that a stream flow is gone: clients that wait for a response on
// it fail with [transport.ErrClosed] within some ticks of the wheel. INVITEs
// that came on it and have no final response are cancelled unless they are
// repeated on another flow within two seconds.
func (l *Layer) Closed(f transport.Flow) {
	if f.Kind().Reliable() {
		l.sweep.order()
	}
}
