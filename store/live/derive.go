package live

import (
	"slices"
	"sync"
	"time"
)

// A derivation makes statements of other tables. Those tables have their locks
// held when they say that something changed, so that is only noted; Settle looks.
type derivation struct {
	wake chan struct{} // has one element when there is something to look at
	from []func(user string) (Presence, bool)

	looking sync.Mutex // what is read later is noted later

	mu    sync.Mutex
	known map[string]struct{} // who is looked at
	dirty map[string]struct{}
}

// From has a statement of each user made by f, which is called after Touch and now
// and then. It may call any other table. Set it before the table is used.
func (p *Presences) From(f func(user string) (Presence, bool)) {
	p.derived.from = append(p.derived.from, f)
}

// Touch notes that what is derived of a user may be another. Run looks at it
// soon, if anybody has asked for that user. It may be called with any lock held.
func (p *Presences) Touch(user string) {
	d := &p.derived
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.known[user]; known {
		d.touchLocked(user)
	}
}

func (d *derivation) touchLocked(user string) {
	d.dirty[user] = struct{}{}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// knows has a user looked at from now on.
func (d *derivation) knows(user string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[user] = struct{}{}
	d.touchLocked(user)
}

// touchAll is Touch for everybody who is known, but for those of whom nothing was
// published and whom nobody has asked for in a long time: they are known no more.
func (p *Presences) touchAll(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.derived.mu.Lock()
	defer p.derived.mu.Unlock()
	for user, who := range p.people {
		if len(who.said) > 0 || now.Sub(time.Unix(who.asked.Load(), 0)) < askedFor {
			p.derived.touchLocked(user)
			continue
		}
		delete(p.people, user)
		delete(p.derived.known, user)
	}
}

// Settle looks at whoever was touched, and returns when what Of returns has it.
func (p *Presences) Settle() {
	for user := range p.derived.take() {
		p.tell(p.derive(user, time.Now()), user)
	}
}

func (d *derivation) take() map[string]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	dirty := d.dirty
	d.dirty = make(map[string]struct{})
	return dirty
}

// derive makes the statements of one user anew.
func (p *Presences) derive(user string, now time.Time) (changed bool) {
	p.derived.looking.Lock()
	defer p.derived.looking.Unlock()
	all := p.derived.of(user)
	p.mu.Lock()
	defer p.mu.Unlock()
	who := p.people[user]
	if who == nil {
		return false
	}
	who.derived = keepSince(who.derived, all)
	return p.mergeLocked(who, now)
}

// of makes the statements of one user.
func (d *derivation) of(user string) (all []Presence) {
	for _, f := range d.from {
		if x, ok := f(user); ok {
			x.User = user
			all = append(all, x)
		}
	}
	return all
}

// keepSince has what is said as before be of the time of before.
func keepSince(was, is []Presence) []Presence {
	for i := range is {
		at := slices.IndexFunc(was, func(x Presence) bool { return x.Kind == is[i].Kind && x.tells(&is[i]) })
		if at >= 0 && !was[at].Since.IsZero() {
			is[i].Since = was[at].Since
		}
	}
	return is
}

// OfBindings returns what registrations say of a user: open as long as a phone can
// be called, nothing otherwise. It is for Presences.From.
func OfBindings(table *Bindings) func(user string) (Presence, bool) {
	return func(user string) (Presence, bool) {
		now := time.Now()
		var up *Binding
		for _, b := range table.Of(user) {
			if !b.Silent && b.State(now) == BindingUp && (up == nil || b.Since.Before(up.Since)) {
				up = &b
			}
		}
		if up == nil {
			return Presence{}, false
		}
		return Presence{Kind: FromRegistration, Node: up.Node, Source: "registration", Open: true, Since: up.Since}, true
	}
}

// OfDialogs returns what calls say of a user: on the phone since the first that was
// answered, nothing while none is. It is for Presences.From.
func OfDialogs(table *Dialogs) func(user string) (Presence, bool) {
	return func(user string) (Presence, bool) {
		node, since := table.shard(user).talksSince(user)
		return Presence{Kind: FromDialog, Node: node, Source: "dialog", Open: true, Activity: OnThePhone, Since: since}, node != ""
	}
}
