package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"carillon/cluster/replica"
)

// A watcher is a node that keeps only what it wants of each owner, which changes
// all the time. It passes nothing on, and one that is far hears no owner itself.
type watcher struct {
	ears
	w      *world
	number int
	set    replica.Set
	wants  replica.Filter
}

// A stream is what a node gives a watcher of an owner.
type stream struct {
	wish replica.Wish
	sent replica.Cursor
}

func newWatcher(w *world, number int) *watcher {
	x := &watcher{w: w, number: number, ears: ears{name: fmt.Sprint("watcher", number)}}
	x.restart()
	return x
}

func (x *watcher) far() bool { return x.number == 1 }

// restart is a crash: a watcher has no disk.
func (x *watcher) restart() {
	x.set, x.told = replica.Set{}, map[string]map[string]string{}
	for _, n := range x.w.nodes {
		x.set.Get(n.name, channel)
	}
	x.want(x.any())
}

// stepAside is anything that can happen between watchers and nodes.
func (w *world) stepAside() {
	if w.watch.IntN(2) == 0 {
		w.watched[w.watch.IntN(len(w.watched))].act()
		return
	}
	if m, arrives := w.take(w.watch, &w.aside); arrives {
		w.receiveWatching(m)
	}
}

// act is what a watcher may do.
func (x *watcher) act() {
	switch x.w.watch.IntN(24) {
	case 0:
		x.restart()
	case 1, 2, 3, 4:
		x.want(x.any())
	case 5, 6, 7:
		x.greet(x.w.watch.IntN(len(x.w.nodes)))
	default:
		x.w.give(x.w.watch.IntN(len(x.w.nodes)), x, 1+x.w.watch.IntN(600))
	}
}

// any is anything to want: seldom all, else some users and some of their phones.
func (x *watcher) any() replica.Filter {
	if x.w.watch.IntN(12) == 0 {
		return replica.Filter{}
	}
	var some []string
	for _, p := range x.w.phones {
		switch x.w.watch.IntN(6) {
		case 0:
			some = append(some, p.user)
		case 1, 2:
			some = append(some, p.user+"\x1f"+p.device)
		}
	}
	return replica.Only(some...)
}

// want has it want something else, which it says to some of the nodes.
func (x *watcher) want(f replica.Filter) {
	x.wants = f
	for r := range x.set.All() {
		epoch := uint64(0)
		if !f.All() {
			x.w.epochs++
			epoch = x.w.epochs
		}
		before := r.Cursor()
		for _, gone := range r.Want(f, epoch) {
			x.hear(r.Owner(), gone)
		}
		x.w.check(&x.ears, r, before, replica.Applied)
	}
	for i := range x.w.nodes {
		if x.w.watch.IntN(3) != 0 {
			x.greet(i)
		}
	}
}

// greet begins a connection to a node: it says what it wants, and what it has.
func (x *watcher) greet(node int) {
	m := message{from: x.number, to: node, watching: fromWatcher, haves: map[string]have{}}
	for r := range x.set.All() {
		if x.far() && r.Owner() == x.w.nodes[node].name {
			continue
		}
		r.Restart()
		h := have{wish: r.Wish(), cursor: r.Awaits(), heard: max(r.Heard(), r.Known().Max)}
		if r.Complete() {
			h.check = r.Check()
		}
		m.haves[r.Owner()] = h
	}
	x.w.send(m)
}

// give has a node send a watcher what it thinks that it lacks, of everybody.
func (w *world) give(from int, x *watcher, limit int) {
	a := w.nodes[from]
	for r := range a.set.All() {
		st := a.gives[[2]string{x.name, r.Owner()}]
		if st == nil || x.far() && r == a.own {
			continue
		}
		d, ok := r.DeltaFor(&st.wish, st.sent, limit)
		if !ok || d.From > 0 && len(d.Entries) == 0 && w.watch.IntN(2) == 0 {
			continue // the cursor may pass over what does not match later
		}
		st.sent = d.Next()
		if !d.More() {
			d.Check = r.CheckOf(st.wish.Filter)
		}
		bytes, _ := d.MarshalBinary() // it never fails
		w.send(message{from: from, to: x.number, watching: toWatcher, owner: r.Owner(), delta: bytes})
	}
}

// receiveWatching takes what a watcher and a node say to each other.
func (w *world) receiveWatching(m message) {
	if m.watching == toWatcher {
		w.watched[m.to].learn(m)
		return
	}
	x, n := w.watched[m.from], w.nodes[m.to]
	if m.haves == nil {
		at := [2]string{x.name, m.owner}
		if st := n.gives[at]; st != nil && st.wish.Epoch == m.epoch {
			n.judge(m.owner, have{wish: st.wish, cursor: *m.cursor})
			st.sent = *m.cursor
		}
		return
	}
	for _, owner := range slices.Sorted(maps.Keys(m.haves)) {
		h := m.haves[owner]
		n.judge(owner, h)
		n.gives[[2]string{x.name, owner}] = &stream{h.wish, h.cursor}
	}
}

func (x *watcher) learn(m message) {
	var d replica.Delta
	if err := d.UnmarshalBinary(m.delta); err != nil {
		x.w.fails("%s is sent what it cannot read: %v", x.name, err)
		return
	}
	r := x.set.Get(m.owner, channel)
	before := r.Cursor()
	changes, result, at := r.Apply(d)
	for _, c := range changes {
		x.w.checkGone(&x.ears, r, before.Inc, c)
		x.hear(m.owner, c)
	}
	x.w.check(&x.ears, r, before, result)
	if result == replica.Gap || result == replica.NeedSnapshot || result == replica.Spoilt {
		x.w.send(message{from: x.number, to: m.from, watching: fromWatcher, owner: m.owner, cursor: &at, epoch: r.Wish().Epoch})
	}
}

// difference says what a watcher does not have of what it wants.
func (x *watcher) difference() string {
	for _, o := range x.w.nodes {
		want := maps.Clone(o.told[o.name])
		maps.DeleteFunc(want, func(key, _ string) bool { return !x.wants.Matches(key) })
		r := x.set.Get(o.name, channel)
		if r.Cursor().Inc != o.own.Cursor().Inc || !r.Complete() || !maps.Equal(x.told[o.name], want) {
			return fmt.Sprintf("%s wants %q and has %v of %s, who is at %v; %q and %q", x.name, strings.Join(x.wants.Prefixes(), " "), r.Cursor(), o.name, o.own.Cursor(), x.told[o.name], want)
		}
	}
	return ""
}
