// Package replica is the algebra of maps that one node writes and many read:
// which changes a reader lacks, in which order they may be taken, and when a
// whole copy is needed instead. It has no clock, no goroutine and no wire but
// the encoding of a Delta, and does not know what keys and values mean; package
// session decides when to send what to whom.
package replica

// A Cursor says how much of a namespace somebody has. Inc is the incarnation of
// its owner, Max the newest version, and Floor the version up to which deleted
// keys were forgotten. The zero Cursor has nothing.
type Cursor struct{ Inc, Max, Floor uint64 }

// Compare orders two cursors of one namespace: the larger one knows more.
func (c Cursor) Compare(d Cursor) int {
	for _, pair := range [...][2]uint64{{c.Inc, d.Inc}, {c.Max, d.Max}, {c.Floor, d.Floor}} {
		switch {
		case pair[0] < pair[1]:
			return -1
		case pair[0] > pair[1]:
			return 1
		}
	}
	return 0
}

// goesOnFrom reports whether a delta from somebody with that floor can go on
// from c. Where either has forgotten deletions above c.Max, both must have
// forgotten the same: c is then in the middle of a whole copy, and what is
// deleted for one would come back from the other.
func (c Cursor) goesOnFrom(floor uint64) bool {
	return c.Floor == floor || max(c.Floor, floor) <= c.Max
}

// The bounds of what a namespace holds, in bytes.
const (
	MaxKey   = 1<<16 - 1
	MaxValue = 1 << 18
)

// Fits reports whether an entry is within the bounds.
func Fits(key string, value []byte) bool { return len(key) <= MaxKey && len(value) <= MaxValue }

// A Replica is one namespace as one node has it: its owner, who writes, or a
// reader, who applies. It is not safe for concurrent use.
type Replica struct {
	owner, channel string
	state
	head   uint64 // the newest version that a reader has heard of
	spoilt uint64 // the last incarnation of which a reader knows that there are two histories
	staged *state // a whole copy that is still arriving
	goal   uint64 // the version at which staged is complete
	base   uint64 // up to where staged leaves out what is there; 0: nowhere
	rumour Claim  // the largest that was heard

	filter Filter // what a reader wants
	epoch  uint64 // since it wants just that
	lacks  bool   // it has had up to its cursor, and not all of filter
	had    Filter
}

// New returns the empty replica of what owner says in channel.
func New(owner, channel string) *Replica {
	return &Replica{owner: owner, channel: channel, state: newState(Cursor{})}
}

// Owner returns the node that writes the namespace.
func (r *Replica) Owner() string { return r.owner }

// Channel returns what the namespace is about.
func (r *Replica) Channel() string { return r.channel }

// Cursor returns how much r has, what is still arriving not counted.
func (r *Replica) Cursor() Cursor { return r.state.Cursor }

// Heard returns the newest version of which r knows that there is one: more than
// what it has, when it was told of a part.
func (r *Replica) Heard() uint64 { return max(r.Max, r.head) }

// Len returns the number of keys that are set.
func (r *Replica) Len() int { return r.live }

// Deleted returns the number of keys of which r remembers that they were deleted.
func (r *Replica) Deleted() int { return r.keys() - r.live }

// Get returns the value of key.
func (r *Replica) Get(key string) (value string, ok bool) {
	x := r.find(key)
	if x == nil || x.deleted {
		return "", false
	}
	return x.value(), true
}

// Renew gives the namespace of this node a new incarnation, which must be on
// disk before anything of it is sent: at the start, and when somebody turns out
// to know a later one. All readers will take a whole copy.
func (r *Replica) Renew(inc uint64) { r.Inc = inc }

// Set writes a key as the owner and reports whether that changed anything. The
// value is copied; an entry that does not fit is not written.
func (r *Replica) Set(key string, value []byte) (changed bool) {
	if have, ok := r.Get(key); ok && have == string(value) {
		return false
	}
	return r.Keep(NewPair(key, value))
}

// Keep is Set for a pair of which it keeps the text, even if it changes nothing:
// the writer may give up the one that it gave before.
func (r *Replica) Keep(x Pair) (changed bool) {
	if !x.fits() {
		return false
	}
	if have := r.find(x.Key()); have != nil && !have.deleted && have.text == x.Text {
		have.text = x.Text
		return false
	}
	r.Max++
	r.put(&Entry{Pair: x, Version: r.Max})
	return true
}

// Delete removes a key as the owner and reports whether it was there. That it
// was is remembered until Collect.
func (r *Replica) Delete(key string) (changed bool) {
	if _, ok := r.Get(key); !ok {
		return false
	}
	r.Max++
	r.put(&Entry{Pair: NewPair(key, nil), Version: r.Max, Deleted: true})
	return true
}

// Age has r forget what its keys had before they changed, unless they did since the
// last Age: such a change can be told as a difference no more.
func (r *Replica) Age() { r.past.age() }

// Collect forgets, as the owner, the deleted keys up to a version. A reader
// that is still below it will take a whole copy.
func (r *Replica) Collect(upTo uint64) { r.forget(min(upTo, r.Max)) }

// Restart gives up a whole copy that is still arriving: whoever sends the rest
// may not be who sent the beginning.
func (r *Replica) Restart() { r.staged = nil }
