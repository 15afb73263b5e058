package live

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Dialogs is the table of who rings and who is on the phone, in the whole system:
// what lights lamps. Make one with NewDialogs. It is safe for concurrent use, and
// nothing in it waits. The node that let a call begin has its rows, those of users
// whose phones are elsewhere included; sipcore/dialog writes them and nobody else.
type Dialogs struct {
	node    string
	domain  func() string // of the users
	journal Journal       // nil for a node that stands alone
	siteOf  func(user string) string
	seed    maphash.Seed
	users   [dialogShards]rows // by user
	room    sync.Pool          // of *[]byte, for what others are told

	watching sync.RWMutex
	watchers map[int]func(user string)
	next     int

	mu     sync.Mutex // comes before the locks of users
	theirs map[string]map[string]*talk
	looks  uint32 // of Audit

	silent atomic.Pointer[map[string]time.Time] // since when nothing is heard of a node; replaced under mu, never changed
}

// A talk is a call of another node, as that one tells it.
type talk struct {
	call   Call
	sides  []Side
	lasts  time.Duration
	hidden bool // it is over, though its node cannot be told or cannot tell
	shown  bool
}

// NewDialogs returns an empty table of the node named node, for users of a domain.
// What it says of its own calls goes to journal, which may be nil; see also Divide.
func NewDialogs(node string, domain func() string, journal Journal) *Dialogs {
	d := &Dialogs{
		node: node, domain: domain, journal: journal, seed: maphash.MakeSeed(),
		watchers: make(map[int]func(string)), theirs: make(map[string]map[string]*talk),
	}
	d.silent.Store(new(map[string]time.Time))
	d.room.New = func() any { return new([]byte) }
	return d
}

// Watch has f called with each user of whom Of returns something else now, but for
// Old, until stop is called. f must neither block nor change the table; it may
// read it. Changes of one dialog are told in their order.
func (d *Dialogs) Watch(f func(user string)) (stop func()) {
	d.watching.Lock()
	defer d.watching.Unlock()
	d.next++
	n := d.next
	d.watchers[n] = f
	return func() {
		d.watching.Lock()
		defer d.watching.Unlock()
		delete(d.watchers, n)
	}
}

func (d *Dialogs) changed(user string) {
	d.watching.RLock()
	defer d.watching.RUnlock()
	for _, f := range d.watchers {
		f(user)
	}
}

// Of returns the dialogs of user, in no particular order.
func (d *Dialogs) Of(user string) []Dialog {
	of := d.shard(user).of(user)
	d.finish(of)
	return of
}

// All returns every dialog, in no particular order.
func (d *Dialogs) All() []Dialog {
	all := []Dialog{}
	for i := range d.users {
		d.users[i].each(func(s *Side) { all = append(all, s.Dialog) })
	}
	d.finish(all)
	return all
}

// finish makes of rows as the table has them what others are shown.
func (d *Dialogs) finish(rows []Dialog) {
	domain := ""
	if len(rows) > 0 {
		domain = d.domain()
	}
	for i := range rows {
		x := &rows[i]
		x.Old = x.Node != d.node && d.IsSilent(x.Node)
		if x.Remote.URI != "" {
			x.Remote.URI = "sip:" + url.User(x.Remote.URI).String() + "@" + domain
		}
	}
}

// Set makes a side of a call of this node what it is now, and shows it while it is to
// be shown. Who sets a side is alone with it.
func (d *Dialogs) Set(s *Side, to Dialog) {
	to.Node = d.node
	if d.shard(to.User).set(s, to) {
		d.changed(to.User)
	}
}

// Put adds a dialog of this node, of which nobody has a Side, or puts it in the place of
// the one that there is. It looks at all of the user's.
func (d *Dialogs) Put(x Dialog) {
	x.Node = d.node
	of := d.shard(x.User)
	if of.swap(of.find(&x), &Side{Dialog: x}) {
		d.changed(x.User)
	}
}

// Delete removes a dialog of this node, if it is there. It looks at all of the user's.
func (d *Dialogs) Delete(x Dialog) {
	x.Node = d.node
	of := d.shard(x.User)
	if of.swap(of.find(&x), nil) {
		d.changed(x.User)
	}
}

// Own returns the sides of this node that are shown. Of each, what names its Dialog may
// be read, and no more.
func (d *Dialogs) Own() []*Side {
	own := []*Side{}
	for i := range d.users {
		d.users[i].each(func(s *Side) {
			if s.Node == d.node {
				own = append(own, s)
			}
		})
	}
	return own
}

// Shows reports whether s is in the table.
func (d *Dialogs) Shows(s *Side) bool { return d.shard(s.User).isListed(s) }

// Heal has s, which is in the table or not, be there if it is to be shown and belongs to
// a call.
func (d *Dialogs) Heal(s *Side, belongs bool) {
	of := d.shard(s.User)
	if of.list(s, belongs && s.IsShown()) {
		d.changed(s.User)
	}
}

func (d *Dialogs) shard(user string) *rows {
	return &d.users[maphash.String(d.seed, user)%dialogShards]
}

// Learn takes over what another node's journal says about one of its calls: a
// value, or nothing when it is over.
func (d *Dialogs) Learn(node, key string, value []byte) error {
	if node == d.node {
		return fmt.Errorf("learning a call from %q: %w", node, errTalk)
	}
	var is talk
	if len(value) > 0 {
		var err error
		if is, err = parseTalk(node, string(value)); err != nil {
			return fmt.Errorf("learning a call from %q: %w", node, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.theirs[node][key]
	if was != nil && was.hidden && slices.EqualFunc(was.sides, is.sides, func(a, b Side) bool { return a.Dialog == b.Dialog }) {
		return nil // it is told again
	}
	d.showLocked(was, &is)
	switch {
	case len(value) == 0:
		delete(d.theirs[node], key)
	case d.theirs[node] == nil:
		d.theirs[node] = map[string]*talk{key: &is}
	default:
		d.theirs[node][key] = &is
	}
	return nil
}

// CallsOf returns the calls of another node that light lamps here, as that one told
// them last.
func (d *Dialogs) CallsOf(node string) []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	var calls []Call
	for _, x := range d.theirs[node] {
		if !x.shown || len(x.sides) == 0 {
			continue
		}
		i := slices.IndexFunc(calls, func(c Call) bool { return c.ID == x.call.ID })
		if i < 0 {
			calls = append(calls, x.call)
		} else if x.call.State == Up { // it was told for each site apart
			calls[i] = x.call
		}
	}
	return calls
}

// showLocked replaces in the table the sides of one call by others. is may be was.
func (d *Dialogs) showLocked(was, is *talk) {
	users := make(map[string]bool)
	swap := func(old, x *Side, user string) {
		if d.shard(user).swap(old, x) {
			users[user] = true
		}
	}
	for i := range is.sides {
		x := &is.sides[i]
		swap(was.same(x), x, x.User)
	}
	if was != nil && was != is {
		was.shown = false
		for i := range was.sides {
			swap(&was.sides[i], nil, was.sides[i].User) // if it has not been replaced
		}
	}
	is.shown = true
	for user := range users {
		d.changed(user)
	}
}

// same returns the side of t that is the same as x.
func (t *talk) same(x *Side) *Side {
	if t == nil {
		return nil
	}
	i := slices.IndexFunc(t.sides, func(y Side) bool { return y.isSame(&x.Dialog) })
	if i < 0 {
		return nil
	}
	return &t.sides[i]
}

// Over hides the rows of a call of another node: this one has seen its end with the
// callee of that tag, and the other may be out of reach. They come back when that one says
// something new of it. While another callee talks the call goes on.
func (d *Dialogs) Over(callID, caller, callee string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, talks := range d.theirs {
		var over []*talk
		goesOn := false
		for _, x := range talks {
			ends, other := x.after(callID, caller, callee)
			goesOn = goesOn || other
			if ends && x.shown {
				over = append(over, x)
			}
		}
		for _, x := range over {
			if !goesOn {
				x.hidden = true
				d.showLocked(x, &talk{})
			}
		}
	}
}

// after reports whether t is of a call with this Call-ID and the tag of its caller, with
// that callee; and whether another callee talks in it.
func (t *talk) after(callID, caller, callee string) (ends, other bool) {
	for i := range t.sides {
		row := &t.sides[i].Dialog
		from, to := row.LocalTag, row.RemoteTag
		if row.Direction == Recipient {
			from, to = to, from
		}
		switch {
		case row.CallID != callID || from != caller:
			return false, false
		case to == callee:
			ends = true
		case row.Direction == Recipient && row.State == Confirmed:
			other = true
		}
	}
	return ends, other
}

// SetNodeAlive notes that nothing is heard of another node, or that it is back.
// That deletes nothing: its dialogs are Old, and when the silence lasts longer than
// their own session they are not shown until it ends.
func (d *Dialogs) SetNodeAlive(node string, alive bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if node == d.node || alive != d.IsSilent(node) {
		return
	}
	next := maps.Clone(*d.silent.Load())
	if !alive {
		if next == nil {
			next = make(map[string]time.Time)
		}
		next[node] = time.Now()
		d.silent.Store(&next)
		return
	}
	delete(next, node)
	d.silent.Store(&next)
	for _, x := range d.theirs[node] {
		if !x.shown && !x.hidden {
			d.showLocked(nil, x)
		}
	}
}

// IsSilent reports whether nothing is heard of a node, as SetNodeAlive said.
func (d *Dialogs) IsSilent(node string) bool {
	_, silent := (*d.silent.Load())[node]
	return silent
}

// Forget drops all that was learned from a node, which will not come back.
func (d *Dialogs) Forget(node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.theirs[node] {
		d.showLocked(x, &talk{})
	}
	delete(d.theirs, node)
	next := maps.Clone(*d.silent.Load())
	delete(next, node)
	d.silent.Store(&next)
}

// Run hides the dialogs of silent nodes when their time is over, until ctx ends.
func (d *Dialogs) Run(ctx context.Context) error { return sweep(ctx, d.Expire) }

// Expire hides the dialogs of nodes that have been silent by now for longer than
// the sessions of their calls last.
func (d *Dialogs) Expire(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for node, since := range *d.silent.Load() {
		for _, x := range d.theirs[node] {
			if x.shown && now.Sub(since) > x.lasts+afterlife {
				d.showLocked(x, &talk{})
			}
		}
	}
}
