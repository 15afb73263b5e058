package live

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// shards is a power of two, large enough that requests on all cores seldom
// meet, small enough to visit all when a connection closes.
const shards = 64

// sweepEvery is how often Run looks for bindings that have ended. Reading
// never returns one that has, so this only bounds how late others hear of it.
const sweepEvery = time.Second

// ErrTooLarge refuses a binding with more than 64 kB of text.
var ErrTooLarge = errors.New("the binding is too large")

// Bindings is the table of who is registered where, in the whole system. Make
// one with NewBindings. It is safe for concurrent use, and nothing in it waits.
//
// A binding is known by user and device. A device is in one place: when several
// nodes claim it, the table keeps every claim but shows the best alone (see
// Learn). Strings in the Bindings that it returns are its own: they do not keep a message alive.
type Bindings struct {
	node    string
	journal Keeper
	changed func(key string)
	news    func(was, is *Binding)
	watch   func(user string)
	seed    maphash.Seed
	base    time.Time // what deadlines are counted from; has a monotonic reading
	shards  [shards]shard

	restored atomic.Bool // Restore will not be called any more

	silenceMu sync.Mutex // serialises changes of silent
	silent    silence
}

// NewBindings returns an empty table of the node named node. Its own changes go
// to journal, which may be nil, and may be a Keeper.
func NewBindings(node string, journal Journal) *Bindings {
	b := &Bindings{
		node: node, journal: keeperOf(journal), changed: func(string) {}, news: func(*Binding, *Binding) {}, watch: func(string) {},
		seed: maphash.MakeSeed(), base: time.Now(),
	}
	for i := range b.shards {
		b.shards[i].users.seed = b.seed
	}
	return b
}

// Node returns whose table it is.
func (b *Bindings) Node() string { return b.node }

// OnChange has f called with the key of every binding of this node that was
// added, changed or removed, but not of one that was just refreshed or lost its connection; Own and AppendRecord tell what became of it. f runs
// with a lock of the table held: it must neither block nor call the table. Set
// it before the table is used.
func (b *Bindings) OnChange(f func(key string)) { b.changed = f }

// OnNews has f called with what a binding of this node was and what it is now
// when that is more than a refresh; nil stands for none. f runs with a lock of the
// table held: it must neither block nor call the table, nor keep the Bindings.
// Set it before the table is used.
func (b *Bindings) OnNews(f func(was, is *Binding)) { b.news = f }

// Watch has f called with each user of whom Of may return something else, whichever
// node the change comes from, but for what silence does. f runs with a lock of the
// table held: it must neither block nor call the table. Set it before the table is
// used.
func (b *Bindings) Watch(f func(user string)) { b.watch = f }

// Run removes bindings that have ended, until ctx ends.
func (b *Bindings) Run(ctx context.Context) error { return sweep(ctx, b.Expire) }

// Expire removes the bindings of this node that have ended by now; those of
// another node only that one can end. It looks into a
// shard only when one in it may have ended: where all refresh in time, that is twice in a
// lifetime.
func (b *Bindings) Expire(now time.Time) {
	at := int64(now.Sub(b.base))
	for i := range b.shards {
		b.expire(&b.shards[i], at)
	}
}

func (b *Bindings) expire(s *shard, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.soonest == 0 || at < s.soonest {
		return
	}
	s.soonest = 0
	for e := range s.users.all() {
		if e.ends != 0 && e.ends <= at {
			b.removeLocked(s, e)
		} else {
			s.expect(e)
		}
	}
}

// Of returns the bindings of user that have not ended, in no particular order.
func (b *Bindings) Of(user string) []Binding { return b.AppendOf(nil, user) }

// AppendOf appends what Of returns to list.
func (b *Bindings) AppendOf(list []Binding, user string) []Binding {
	s := b.shard(user)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return b.appendLocked(list, s, user, time.Now())
}

// Device returns the binding of one device of user.
func (b *Bindings) Device(user, device string) (Binding, bool) {
	s := b.shard(user)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, now := s.find(user, device), time.Now()
	if e == nil || e.gone || b.ended(e, now) {
		return Binding{}, false
	}
	x := e.binding(b.base)
	ok := b.silent.mark(&x, now)
	return x, ok
}

// All returns every binding that has not ended, in no particular order. Those
// of one user are of one moment; those of two need not be.
func (b *Bindings) All() []Binding {
	all, now := make([]Binding, 0, b.Count()), time.Now()
	for i := range b.shards {
		all = b.appendAll(all, &b.shards[i], now)
	}
	return all
}

func (b *Bindings) appendAll(all []Binding, s *shard, now time.Time) []Binding {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e := range s.users.all() {
		all = b.appendShown(all, e, now)
	}
	return all
}

// Count returns how many bindings there are, those included that ended within
// the last second, and those of nodes that are silent for too long.
func (b *Bindings) Count() int {
	n := 0
	for i := range b.shards {
		n += b.shards[i].size()
	}
	return n
}

func (s *shard) size() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.count
}

func (b *Bindings) shard(user string) *shard {
	return &b.shards[maphash.String(b.seed, user)%shards]
}

func (b *Bindings) ended(e *entry, now time.Time) bool {
	return e.ends != 0 && e.ends <= int64(now.Sub(b.base))
}

func (b *Bindings) appendLocked(list []Binding, s *shard, user string, now time.Time) []Binding {
	for e := s.users.first(user); e != nil; e = e.another() {
		list = b.appendShown(list, e, now)
	}
	return list
}

// appendShown appends what e says, if that is to be shown.
func (b *Bindings) appendShown(list []Binding, e *entry, now time.Time) []Binding {
	if !e.isShown() || b.ended(e, now) {
		return list
	}
	list = append(list, e.binding(b.base))
	if !b.silent.mark(&list[len(list)-1], now) {
		list = list[:len(list)-1]
	}
	return list
}
