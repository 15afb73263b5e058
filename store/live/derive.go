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
	dirty map[string]struct{}
}

// From has a statement of each user made by f, which is called after Touch and now
// and then. It may call any other table. Set it before the table is used.
func (p *Presences) From(f func(user string) (Presence, bool)) {
	p.derived.from = append(p.derived.from, f)
}

// Touch notes that what is derived of a user may be another. Run looks at it
// soon. It may be called with any lock held.
func (p *Presences) Touch(user string) { p.derived.touch(user) }

func (d *derivation) touch(users ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, user := range users {
		d.dirty[user] = struct{}{}
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// touchAll is Touch for everybody who is known.
func (p *Presences) touchAll() {
	p.mu.RLock()
	users := make([]string, 0, len(p.people))
	for user := range p.people {
		users = append(users, user)
	}
	p.mu.RUnlock()
	p.derived.touch(users...)
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
	var all []Presence
	for _, f := range p.derived.from {
		if x, ok := f(user); ok {
			x.User = user
			all = append(all, x)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	who := p.people[user]
	if who == nil && len(all) == 0 {
		return false
	}
	who = p.personLocked(user)
	who.derived = keepSince(who.derived, all)
	return p.mergeLocked(who, now)
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
		x := Presence{Kind: FromDialog, Source: "dialog", Open: true, Activity: OnThePhone}
		for _, d := range table.Of(user) {
			if d.State == Confirmed && (x.Node == "" || d.Since.Before(x.Since)) {
				x.Node, x.Since = d.Node, d.Since
			}
		}
		return x, x.Node != ""
	}
}
