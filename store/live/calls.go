package live

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a call.
const (
	Ringing = "ringing"
	Up      = "up"
)

// A Call is one that rings or is up.
type Call struct {
	ID       string // unique in the system
	CallID   string
	CSeq     uint32 // of the INVITE that began it
	Number   uint32 // of that INVITE, of all that this node has seen
	From, To string // numbers, or what the caller wrote
	State    string // Ringing or Up
	Node     string
	Since    time.Time // when it came into this State
	Expires  time.Time // when it is over unless its phones say that they are still there; zero: they do not say

	// What follows is for lamps. Sides are read and written in Change alone: others get none.
	Key              string        // by which other nodes are told of it
	told             []string      // the sites of whose users they are
	FromName, ToName string        // to display; may be empty
	Private          bool          // who calls is not for others
	Session          time.Duration // that its phones keep; 0: none
	Sides            []*Side       // the caller's first, if he is a user
}

// callShards is a power of two, large enough that set-ups on all cores seldom
// meet.
const callShards = 16

// Calls is the table of the calls going on. Make one with NewCalls; it is safe
// for concurrent use.
type Calls struct {
	seed   maphash.Seed
	shards [callShards]callShard
	tells  atomic.Pointer[func(Call, Ending)]
}

// An Ending is how a call ended that did not end well.
type Ending string

// The endings that [Calls.Watch] tells of.
const (
	Expired Ending = "expired" // its phones do not say any more that they are there
	Unheard Ending = "unheard" // who hung up could not tell the other phone
	Failed  Ending = "failed"  // nobody was reached
)

type callShard struct {
	mu   sync.Mutex
	byID map[string]*Call
}

// NewCalls returns an empty table.
func NewCalls() *Calls {
	c := &Calls{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].byID = make(map[string]*Call)
	}
	return c
}

// Put adds a call or replaces the one with the same ID.
func (c *Calls) Put(x Call) {
	s := c.shard(x.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byID[x.ID]; old != nil {
		*old = x
		return
	}
	s.byID[x.ID] = &x
}

// Add adds a call unless there is one with the same ID, which it returns.
func (c *Calls) Add(x Call) (old Call, added bool) {
	s := c.shard(x.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.byID[x.ID]; have != nil {
		return *have, false
	}
	s.byID[x.ID] = &x
	return x, true
}

// Change lets f change a call, but for its ID, while nobody else looks at it;
// false if there is no such call. f must neither block nor call the table.
func (c *Calls) Change(id string, f func(x *Call)) bool {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.byID[id]
	if x != nil {
		f(x)
	}
	return x != nil
}

// Get returns a call.
func (c *Calls) Get(id string) (Call, bool) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.byID[id]; x != nil {
		found := *x
		found.Sides = nil // they change
		return found, true
	}
	return Call{}, false
}

// Delete removes a call, if it is there.
func (c *Calls) Delete(id string) { c.EndIf(id, func(*Call) bool { return true }) }

// EndIf removes a call if f finds that it is over, while nobody else looks at it;
// false if there is no such call. f must neither block nor call the table.
func (c *Calls) EndIf(id string, f func(x *Call) (over bool)) bool {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.byID[id]
	if x != nil && f(x) {
		delete(s.byID, id)
	}
	return x != nil
}

// Watch has f be told of each call that does not end well from now on; nil ends that.
// It is called by many, and must not block.
func (c *Calls) Watch(f func(Call, Ending)) {
	if f == nil {
		c.tells.Store(nil)
		return
	}
	c.tells.Store(&f)
}

// End is EndIf for a call that did not end well; true if it is over.
func (c *Calls) End(id string, how Ending, f func(x *Call) (over bool)) bool {
	var ended Call
	c.EndIf(id, func(x *Call) bool {
		over := f(x)
		if over {
			ended = *x
		}
		return over
	})
	if ended.ID == "" {
		return false
	}
	c.tell(ended, how)
	return true
}

func (c *Calls) tell(x Call, how Ending) {
	if f := c.tells.Load(); f != nil {
		(*f)(x, how)
	}
}

// Each calls f with every call, in no particular order, as Change does.
func (c *Calls) Each(f func(x *Call)) {
	for i := range c.shards {
		c.shards[i].each(f)
	}
}

func (s *callShard) each(f func(x *Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.byID {
		f(x)
	}
}

// Expire removes the calls that are over by now and returns them, after f was
// called with each, as Change does. It looks at all calls.
func (c *Calls) Expire(now time.Time, f func(x *Call)) []Call {
	var over []Call
	for i := range c.shards {
		over = c.shards[i].expire(over, now, f)
	}
	for _, x := range over {
		c.tell(x, Expired)
	}
	return over
}

// All returns every call, in no particular order.
func (c *Calls) All() []Call {
	all := make([]Call, 0, c.Count())
	for i := range c.shards {
		all = c.shards[i].appendTo(all)
	}
	return all
}

// Count returns how many calls there are.
func (c *Calls) Count() int {
	n := 0
	for i := range c.shards {
		n += c.shards[i].count()
	}
	return n
}

func (c *Calls) shard(id string) *callShard {
	return &c.shards[maphash.String(c.seed, id)%callShards]
}

func (s *callShard) appendTo(all []Call) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.byID {
		all = append(all, *x)
		all[len(all)-1].Sides = nil // it changes
	}
	return all
}

func (s *callShard) expire(over []Call, now time.Time, f func(*Call)) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.byID {
		if !x.Expires.IsZero() && !now.Before(x.Expires) {
			f(x)
			over = append(over, *x)
			delete(s.byID, id)
		}
	}
	return over
}

func (s *callShard) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}
