package session

import (
	"encoding/binary"
	"slices"

	"carillon/cluster/replica"
)

// A node that is no main may want, of some channels, only the keys that begin with
// some prefixes, or of a class of channels only some: see replica.Wish. It says so to
// whoever it has a session with, just before it says what it has. Who does not know of
// it sends all, of which the node takes what it wants.

// frameInterest has what the sender wants of each class of channels, and of some of them
// alone, which counts for these instead of that of their class; and of which namespaces it has a part of that already. Who does not know it passes over it.
const frameInterest = 17

const (
	mostClasses  = 64
	mostPrefixes = 4096
	mostHad      = 8 // different filters; what has another one is copied again
	mostNarrow   = 32
)

// An interest is what is wanted of a class of channels.
type interest struct {
	epoch  uint64
	filter replica.Filter
}

// interests are what a far end wants, as it said last. The zero interests want all.
type interests struct {
	classes map[string]interest   // and channels
	bases   map[base]replica.Wish // of namespaces of which it has a part
}

type base struct{ owner, channel string }

// wish is what the far end wants of r.
func (x *interests) wish(r *replica.Replica) replica.Wish {
	in := interestIn(x.classes, r.Channel())
	w := x.bases[base{r.Owner(), r.Channel()}] // Had and Base alone
	w.Epoch, w.Filter = in.epoch, in.filter
	return w
}

// interestIn returns what is wanted of a channel.
func interestIn(all map[string]interest, channel string) interest {
	if in, ok := all[channel]; ok {
		return in
	}
	return all[classOf(channel)]
}

// Narrow has this node, unless it is a main, keep of what others say in a class of
// channels only these; of too many, all. Learned hears of it as Interest says. It may
// be called at any time, but not by Learned.
func (s *Sessions) Narrow(class string, channels ...string) {
	s.wants(class, func() bool { return s.narrowLocked(class, channels) })
}

func (s *Sessions) narrowLocked(class string, channels []string) (news bool) {
	none := len(channels) <= mostNarrow
	if !none {
		channels = nil
	}
	if in, ok := s.interests[class]; !ok || in.filter.None() != none {
		s.setInterestLocked(class, map[bool]replica.Filter{true: replica.Only()}[none])
		news = true
	}
	for name := range s.interests {
		if name != class && classOf(name) == class && !slices.Contains(channels, name) {
			delete(s.interests, name)
			news = true
		}
	}
	for _, name := range channels {
		if _, ok := s.interests[name]; !ok {
			s.interests[name] = interest{}
			news = true
		}
	}
	return news
}

// Interest has this node, unless it is a main, keep of what others say in a class of
// channels only the keys that f matches. Learned hears of those that go as if they
// were deleted, and of those that come. A prefix of more than 255 bytes counts with
// these, and with more than 4096 prefixes f is all. It may be called at any time,
// but not by Learned.
func (s *Sessions) Interest(class string, f replica.Filter) {
	f = bounded(f)
	s.wants(class, func() bool {
		if s.interests[class].filter.Equal(f) {
			return false
		}
		s.setInterestLocked(class, f)
		return true
	})
}

func (s *Sessions) setInterestLocked(class string, f replica.Filter) {
	s.interests[class] = interest{filter: f}
	if !f.All() {
		s.epoch++
		s.interests[class] = interest{s.epoch, f}
	}
}

// wants has change change what is wanted of a class of channels; false is that it did
// not.
func (s *Sessions) wants(class string, change func() bool) {
	if s.o.Role == roleMain {
		return
	}
	s.learning.Lock()
	defer s.learning.Unlock()
	for r, changes := range s.wantsLocked(class, change) {
		for _, x := range changes {
			if s.o.Learned != nil {
				s.o.Learned(r.Owner(), r.Channel(), x)
			}
		}
	}
}

func (s *Sessions) wantsLocked(class string, change func() bool) map[*replica.Replica][]replica.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !change() {
		return nil
	}
	gone := map[*replica.Replica][]replica.Change{}
	for r := range s.set.All() {
		if r.Owner() != s.o.Node && classOf(r.Channel()) == class {
			in := interestIn(s.interests, r.Channel())
			gone[r] = r.Want(in.filter, in.epoch)
		}
	}
	for _, p := range s.order {
		if p.conn != nil && p.conn.wants != scopeNone {
			p.conn.wantLocked(p.conn.wants)
		}
	}
	return gone
}

// learnsLocked returns the replica of what another node says, of which it wants what
// is wanted of its class.
func (s *Sessions) learnsLocked(owner, channel string) *replica.Replica {
	r := s.set.Get(owner, channel)
	in := interestIn(s.interests, channel)
	r.Want(in.filter, in.epoch) // it is new: nothing goes
	return r
}

// fitted makes what somebody sends who does not know what is wanted of r, all of it,
// what is wanted.
func (c *conn) fitted(r *replica.Replica, d *replica.Delta) {
	w := r.Wish()
	if c.version >= 3 || w.Epoch == 0 {
		return
	}
	d.Epoch, d.Check = w.Epoch, 0
	d.Entries = slices.DeleteFunc(d.Entries, func(e replica.Entry) bool { return !w.Filter.Matches(e.Key()) })
}

func bounded(f replica.Filter) replica.Filter {
	switch {
	case f.All():
		return f
	case len(f.Prefixes()) > mostPrefixes:
		return replica.Filter{}
	}
	var all []string
	for _, p := range f.Prefixes() {
		all = append(all, p[:min(len(p), maxName)])
	}
	return replica.Only(all...)
}

// passOver is how many versions that do not match a cursor may lag behind: until
// then they cost nothing, and looking at them little.
const passOver = 1000

// lacks returns what the far end lacks of what it wants.
func (st *stream) lacks(limit int) (replica.Delta, bool) {
	d, ok := st.replica.DeltaFor(&st.wish, st.sent, limit)
	if ok && !d.More() && (st.wish.Epoch == 0 || st.claimed || d.From == 0) {
		d.Check = st.replica.CheckOf(st.wish.Filter)
	}
	return d, ok
}

// isIdle reports whether there is nothing to send, or no more than that nothing
// matches, which can wait.
func (st *stream) isIdle(d *replica.Delta, ok bool) bool {
	if st.wish.Epoch == 0 || !ok {
		return !ok && (!st.offer || st.wish.Epoch != 0)
	}
	return d.From > 0 && len(d.Entries) == 0 && !d.More() && d.To-d.From < passOver && !st.offer
}

// passOnLocked has the cursors of those who do not want all follow, so that they
// are not below the floor when deletions are forgotten.
func (s *Sessions) passOnLocked() {
	for _, p := range s.order {
		if p.conn == nil || !p.conn.subscribed {
			continue
		}
		for r, st := range p.conn.streams {
			if st.wish.Epoch != 0 && st.sent.Inc == r.Cursor().Inc && st.sent.Max < r.Cursor().Max {
				st.offer = true
				p.conn.markLocked(r)
			}
		}
	}
}

// appendInterestLocked appends what c is to know before its far end's haves.
func (c *conn) appendInterestLocked(buf []byte) []byte {
	s := c.s
	if c.version < 3 || len(s.interests) == 0 {
		return buf
	}
	body := binary.AppendUvarint(nil, uint64(len(s.interests)))
	for class, in := range s.interests {
		body = binary.AppendUvarint(appendText(body, class), in.epoch)
		body = appendFilter(body, in.filter)
	}
	var had []replica.Filter
	var bases []byte
	for r := range s.set.All() {
		w := r.Wish()
		if w.Base.Inc == 0 {
			continue
		}
		i := slices.IndexFunc(had, w.Had.Equal)
		if i < 0 && len(had) < mostHad {
			i = len(had)
			had = append(had, w.Had)
		}
		if i >= 0 {
			bases = appendText(appendText(bases, r.Owner()), r.Channel())
			bases = appendCursorText(binary.AppendUvarint(bases, uint64(i)), w.Base)
		}
	}
	body = binary.AppendUvarint(body, uint64(len(had)))
	for _, f := range had {
		body = appendFilter(body, f)
	}
	return appendFrame(buf, frameInterest, append(body, bases...))
}

func parseInterest(body []byte) (interests, error) {
	r := fields{data: body}
	x := interests{classes: map[string]interest{}, bases: map[base]replica.Wish{}}
	n := r.number()
	for r.check(n <= mostClasses); n > 0 && !r.bad; n-- {
		class := r.text()
		in := interest{epoch: r.number(), filter: r.filter()}
		r.check(in.filter.All() == (in.epoch == 0))
		x.classes[class] = in
	}
	var had []replica.Filter
	n = r.number()
	for r.check(n <= mostHad); n > 0 && !r.bad; n-- {
		had = append(had, r.filter())
	}
	for len(r.data) > 0 && !r.bad {
		at := base{r.text(), r.text()}
		i, from := r.number(), r.cursor()
		if r.check(i < uint64(len(had)) && len(x.bases) < maxNamespaces); !r.bad {
			x.bases[at] = replica.Wish{Had: had[i], Base: from}
		}
	}
	return x, r.err()
}

// appendFilter writes a filter as the number of its prefixes plus one, and these;
// zero is all.
func appendFilter(dst []byte, f replica.Filter) []byte {
	if f.All() {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.Prefixes()))+1)
	for _, p := range f.Prefixes() {
		dst = appendText(dst, p)
	}
	return dst
}

func (r *fields) filter() replica.Filter {
	n := r.number()
	if r.check(n <= mostPrefixes+1); n == 0 || r.bad {
		return replica.Filter{}
	}
	var all []string
	for ; n > 1 && !r.bad; n-- {
		all = append(all, r.text())
	}
	return replica.Only(all...)
}

func (c *conn) takeInterest(body []byte) error {
	x, err := parseInterest(body)
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.peer.count(&c.peer.in, classSession, len(body)+frameCost)
	c.far = x
	return nil
}
