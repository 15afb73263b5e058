package transport

import (
	"errors"
	"net/netip"
	"time"
)

// Errors that a caller may branch on.
var (
	ErrClosed   = errors.New("flow is closed")
	ErrFull     = errors.New("peer reads too slowly")
	ErrTooLarge = errors.New("message too large for a datagram")
	ErrLimit    = errors.New("too many connections")
	ErrFamily   = errors.New("not listening on this address family")
	ErrKind     = errors.New("unknown transport")
)

// A Flow is one TCP connection, or one pair of UDP addresses (RFC 5626 section
// 1.2 calls both a flow). It is a small comparable value and may be used by any
// number of goroutines; the zero Flow is no flow. A UDP flow costs nothing to
// keep: the layer does not store it.
type Flow struct {
	carrier carrier
	remote  netip.AddrPort
}

// carrier is what a Flow's messages travel by: a conn, or the local end of UDP.
type carrier interface {
	about() *origin
	send(b []byte, to netip.AddrPort) error
	open() bool
	close()
	abort()
}

// origin describes the local end of a carrier; it never changes.
type origin struct {
	kind  Kind
	id    uint64 // 0 for UDP, whose flows are named by their addresses
	local netip.AddrPort
	node  string // of the peer, if that is one
	watch Watcher
	deaf  *deaf // nil: it hears everybody
}

// about implements part of carrier for whatever embeds an origin.
func (o *origin) about() *origin { return o }

// ID names the flow; it is never 0 but for the zero Flow. The ID of a stream
// flow is unique, and a restarted process gives out others. That of a UDP flow
// follows from its two addresses and is the same again after a restart.
func (f Flow) ID() uint64 {
	if f.carrier == nil {
		return 0
	}
	o := f.carrier.about()
	if o.id != 0 {
		return o.id
	}
	return pairID(o.local, f.remote)
}

// Kind returns the flow's transport, 0 for the zero Flow.
func (f Flow) Kind() Kind {
	if f.carrier == nil {
		return 0
	}
	return f.carrier.about().kind
}

// Node returns the name of the node at the other end, "" if that is none.
func (f Flow) Node() string {
	if f.carrier == nil {
		return ""
	}
	return f.carrier.about().node
}

// Local returns the address that the flow came to, or that it was opened from;
// also when the layer listens on all addresses.
func (f Flow) Local() netip.AddrPort {
	if f.carrier == nil {
		return netip.AddrPort{}
	}
	return f.carrier.about().local
}

// Remote returns the peer's address. IPv4 addresses are never mapped into IPv6.
func (f Flow) Remote() netip.AddrPort { return f.remote }

// Send sends one message. It never blocks: what a stream cannot take at once is
// copied and queued; a stream whose queue is full closes (ErrFull), alone. A
// datagram that finds its socket full is lost, as on the wire, without an error.
// b stays the caller's.
func (f Flow) Send(b []byte) error {
	if f.carrier == nil {
		return ErrClosed
	}
	if o := f.carrier.about(); o.deaf != nil && o.kind != Node && o.deaf.is(f.remote.Addr(), nil) {
		return nil
	}
	at := time.Now()
	err := f.carrier.send(b, f.remote)
	if err == nil {
		f.carrier.about().watch.Saw(at, f, true, b)
	}
	return err
}

// IsZero reports whether f is no flow.
func (f Flow) IsZero() bool { return f.carrier == nil }

// IsOpen reports whether Send has a chance: a stream is not closed, or, over
// UDP, the layer is not.
func (f Flow) IsOpen() bool { return f.carrier != nil && f.carrier.open() }

// Close closes a stream flow; over UDP it does nothing. It returns at once.
// What was sent before still leaves, within a second; no message is received
// after it, but for one that the flow's reader is handing over right now.
func (f Flow) Close() {
	if f.carrier != nil {
		f.carrier.close()
	}
}

// Abort closes a stream flow at once: what the peer has not got yet is lost.
// Over UDP it does nothing.
func (f Flow) Abort() {
	if f.carrier != nil {
		f.carrier.abort()
	}
}

// To returns the flow to another peer from the same UDP socket and address
// (RFC 3261 section 18.2.2). A stream has one peer: To returns the flow itself.
func (f Flow) To(remote netip.AddrPort) Flow {
	if f.Kind() == UDP {
		f.remote = plain(remote)
	}
	return f
}
