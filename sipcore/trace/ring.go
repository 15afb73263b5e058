// Package trace remembers the SIP messages that passed, in a bounded piece of
// memory, the oldest out first, so that somebody can look at them when the call
// is over; and it counts them. It is a [transport.Watcher] and is always on:
// remembering a message costs about as much as asking for the time.
//
// Messages of calls and all others (registrations, presence, keep-alives) have
// memories of their own, since phones that only renew their registrations would
// drive the calls out.
//
// Reading is for people and may be slow. What is handed out has its secrets
// masked; what to draw with it is decided by whoever asks.
package trace

import (
	"math/rand/v2"
	"slices"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// Of the memory, calls have callShare parts of shares.
const (
	callShare = 3
	shares    = 4
)

// lanes is how many bands each memory is made of: who writes takes any, so that
// writers seldom meet.
const lanes = 4

// A Ring is such a memory. Make one with New; it is safe for concurrent use.
type Ring struct {
	calls, others [lanes]band
	masker        *masker
}

// New returns a Ring that takes so many bytes. With none it just counts.
func New(size int) *Ring {
	r := &Ring{masker: newMasker()}
	memory := outside(r, size)
	each := len(memory) / shares / lanes
	for i := range lanes {
		r.calls[i].buf, memory = memory[:each*callShare], memory[each*callShare:]
		r.others[i].buf, memory = memory[:each], memory[each:]
	}
	return r
}

// Saw implements [transport.Watcher].
func (r *Ring) Saw(at time.Time, f transport.Flow, sent bool, raw []byte) {
	method, class := sniff(raw)
	memory := &r.others
	if isOfCalls(method) {
		memory = &r.calls
	}
	b := &memory[rand.Uint32N(lanes)] //nolint:gosec // which one is no secret
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.count(sent, method, class)
	b.writeLocked(at, f, sent, raw)
}

// Messages returns what is remembered, the oldest first.
func (r *Ring) Messages() []Message {
	all := r.entries()
	messages := make([]Message, len(all))
	for i, e := range all {
		messages[i] = read(e)
	}
	return messages
}

// Text returns a message, or the beginning of a long one, without what would let
// its reader pose as somebody or listen in: proofs of passwords, passwords in
// URIs, keys of media, and digits dialled within a call, which may be a PIN.
func (r *Ring) Text(m Message) string { return r.masker.masked(m.raw) }

// entries returns what is remembered, the oldest first.
func (r *Ring) entries() []entry {
	var all []entry
	for i := range lanes {
		all = r.calls[i].read(all)
		all = r.others[i].read(all)
	}
	slices.SortStableFunc(all, func(a, b entry) int { return a.At.Compare(b.At) })
	return all
}

// isOfCalls reports whether a method belongs to the memory of calls.
func isOfCalls(m message.Method) bool {
	switch m {
	case message.REGISTER, message.OPTIONS, message.SUBSCRIBE, message.NOTIFY, message.PUBLISH, message.Unknown:
		return false
	default:
		return true
	}
}
