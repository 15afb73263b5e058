// Package simulator runs whole systems of replicas and tables of registrations
// in a simulated time, over a network that loses, repeats, delays, reorders and
// splits, with nodes whose clocks are wrong, that restart, lose their disk or are
// rolled back by an hour. All is decided by a seed, and each step is checked.
//
//	go test ./test/simulator -v -run TestRandomFaults -runs 10000
//
// prints the seeds and how many violations there were: none. -seed runs one.
package simulator

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"carillon/cluster/replica"
)

// A world is some nodes, what is on its way between them, and what their owners
// ever wrote. It lives in a bubble, whose clock is the true time.
type world struct {
	random  *rand.Rand
	nodes   []*node
	phones  []*phone
	watched []*watcher
	watch   *rand.Rand // decides about these
	epochs  uint64
	aside   []message // what is on its way from and to watchers
	flying  []message
	apart   int // nodes below it and the others do not hear each other
	history map[life]*words
	flows   uint64
	err     error // the first violation
}

// A life is an incarnation of an owner.
type life struct {
	owner string
	inc   uint64
}

// words is what an owner wrote in one life.
type words struct {
	base   uint64 // the version that it began with
	list   []replica.Entry
	forked bool // the machine was rolled back into it: it was lived twice
}

// A message is one of the four things that nodes say to each other.
type message struct {
	from, to int
	owner    string
	delta    []byte
	cursor   *replica.Cursor
	claim    *replica.Claim  // of somebody else
	haves    map[string]have // all that the sender has; nil: this is no greeting
	watching way             // whether either end is a watcher
	epoch    uint64          // of a watcher that says where it stands
}

// A way says which of the two ends of a message is a watcher.
type way int

const (
	amongNodes way = iota
	toWatcher
	fromWatcher
)

type have struct {
	wish   replica.Wish
	cursor replica.Cursor
	heard  uint64
	check  replica.Check
}

func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 1)), watch: rand.New(rand.NewPCG(seed, 2)), history: map[life]*words{}}
	for i := range 3 + w.random.IntN(3) {
		w.nodes = append(w.nodes, newNode(w, fmt.Sprint("node", i), 1))
	}
	for i := range 8 {
		w.phones = append(w.phones, &phone{user: fmt.Sprint(200 + i/2), device: fmt.Sprint("urn:uuid:", i), transport: []string{"udp", "tcp"}[i%2], at: -1})
	}
	for i := range 2 {
		w.watched = append(w.watched, newWatcher(w, i))
	}
	return w
}

func (w *world) one(n int) bool { return w.random.IntN(n) == 0 }

// fails notes a violation, the first one.
func (w *world) fails(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// step is anything that can happen.
func (w *world) step() {
	time.Sleep(time.Duration(w.random.IntN(20_000)) * time.Millisecond)
	switch w.random.IntN(10) {
	case 0, 1:
		w.phones[w.random.IntN(len(w.phones))].act(w)
	case 2, 3, 4:
		w.push(w.random.IntN(len(w.nodes)), w.random.IntN(len(w.nodes)), 1+w.random.IntN(600))
	case 5:
		w.disturb()
	default:
		w.deliver()
	}
	w.stepAside()
}

// disturb is what goes wrong besides messages.
func (w *world) disturb() {
	i := w.random.IntN(len(w.nodes))
	n := w.nodes[i]
	switch w.random.IntN(40) {
	case 0, 1, 2:
		w.apart = w.random.IntN(len(w.nodes))
	case 3, 4, 5, 6, 7, 8:
		w.connect(i, w.random.IntN(len(w.nodes)))
	case 9, 10:
		n.skew = time.Duration(w.random.IntN(600)-300) * time.Second
	case 11, 12, 13:
		n.verdict(w.nodes[w.random.IntN(len(w.nodes))].name, w.one(2))
	case 14:
		n.restart()
	case 15:
		n.loseDisk()
	case 16:
		n.rollBack()
	case 17, 18:
		n.own.Renew(n.own.Cursor().Inc + 1 + w.random.Uint64N(3))
		n.begin()
	case 19, 20, 21:
		n.own.Collect(w.random.Uint64N(n.own.Cursor().Max + 1))
	default:
		n.tick()
	}
}

// connect begins a connection: each says what it has, and forgets what it thought
// of the other.
func (w *world) connect(a, b int) {
	for _, way := range [][2]int{{a, b}, {b, a}} {
		m := message{from: way[0], to: way[1], haves: map[string]have{}}
		for r := range w.nodes[way[0]].set.All() {
			if r.Restart(); r.Known().Inc > 0 && r.Owner() != w.nodes[way[0]].name {
				m.haves[r.Owner()] = have{cursor: r.Known(), heard: max(r.Heard(), r.Known().Max), check: r.Check()}
			}
		}
		w.send(m)
	}
}

func (w *world) send(m message) {
	switch {
	case m.watching != amongNodes:
		w.aside = append(w.aside, m)
	case m.from != m.to:
		w.flying = append(w.flying, m)
	}
}

// push has one node send another what it thinks that it lacks, of everybody, and what
// others claim to have.
func (w *world) push(from, to, limit int) {
	a, b := w.nodes[from], w.nodes[to]
	for r := range a.set.All() {
		if x, ok := r.Rumour(); ok && r != a.own {
			w.send(message{from: from, to: to, owner: r.Owner(), claim: &x})
		}
		if r.Owner() == b.name || r.Cursor().Inc == 0 {
			continue
		}
		at := [2]string{b.name, r.Owner()}
		d, ok := r.DeltaSince(a.sent[at], limit)
		switch {
		case ok:
			a.sent[at] = d.Next()
		case w.one(3):
			d = r.Offer()
		default:
			continue
		}
		bytes, _ := d.MarshalBinary() // it never fails
		w.send(message{from: from, to: to, owner: r.Owner(), delta: bytes})
	}
}

// deliver takes any message out of the air, sometimes loses it, and sometimes
// leaves a copy there.
func (w *world) deliver() {
	if m, arrives := w.take(w.random, &w.flying); arrives {
		w.receive(m)
	}
}

func (w *world) take(random *rand.Rand, air *[]message) (m message, arrives bool) {
	if len(*air) == 0 {
		return m, false
	}
	i := random.IntN(len(*air))
	m = (*air)[i]
	if random.IntN(10) != 0 {
		*air = slices.Delete(*air, i, i+1)
	}
	cut := (m.from < w.apart) != (m.to < w.apart)
	return m, !cut && random.IntN(10) != 0
}

func (w *world) receive(m message) {
	n, from := w.nodes[m.to], w.nodes[m.from]
	switch {
	case m.haves != nil:
		maps.DeleteFunc(n.sent, func(at [2]string, _ replica.Cursor) bool { return at[0] == from.name })
		for _, owner := range slices.Sorted(maps.Keys(m.haves)) {
			n.asked(from.name, owner, m.haves[owner])
		}
	case m.claim != nil:
		n.judge(m.owner, have{wish: replica.Wish{Filter: m.claim.Filter}, cursor: m.claim.Cursor, check: m.claim.Check})
	case m.cursor != nil:
		n.asked(from.name, m.owner, have{cursor: *m.cursor})
	default:
		var d replica.Delta
		if err := d.UnmarshalBinary(m.delta); err != nil {
			w.fails("%s sends %s what it cannot read: %v", from.name, n.name, err)
			return
		}
		if at, again := n.learn(m.owner, d); again {
			w.send(message{from: m.to, to: m.from, owner: m.owner, cursor: &at})
		}
	}
}

// settle ends the faults, and has all tell all until they are equal.
func (w *world) settle(why string) {
	w.apart, w.flying, w.aside = 0, nil, nil
	time.Sleep(2 * time.Second) // what has ended is swept then
	for i, n := range w.nodes {
		n.tick()
		for j := range i {
			w.connect(i, j)
			n.verdict(w.nodes[j].name, true)
			w.nodes[j].verdict(n.name, true)
		}
	}
	for _, x := range w.watched {
		for i := range w.nodes {
			x.greet(i)
		}
	}
	for range 400 {
		for len(w.flying) > 0 && w.err == nil {
			m := w.flying[0]
			w.flying = w.flying[1:]
			w.receive(m)
		}
		for len(w.aside) > 0 && w.err == nil {
			m := w.aside[0]
			w.aside = w.aside[1:]
			w.receiveWatching(m)
		}
		if w.err != nil || w.difference() == "" {
			return
		}
		for from := range w.nodes {
			for to := range w.nodes {
				w.push(from, to, 300)
			}
			for _, x := range w.watched {
				w.give(from, x, 300)
			}
		}
	}
	w.fails("%s they do not become equal: %s", why, w.difference())
}

// difference says what two nodes do not agree on.
func (w *world) difference() string {
	for _, o := range w.nodes {
		for _, n := range w.nodes {
			if r := n.set.Get(o.name, channel); r.Cursor().Inc != o.own.Cursor().Inc || r.Cursor().Max != o.own.Cursor().Max || !maps.Equal(n.told[o.name], o.told[o.name]) {
				return fmt.Sprintf("%s has %v of %s, who is at %v; %q and %q", n.name, r.Cursor(), o.name, o.own.Cursor(), n.told[o.name], o.told[o.name])
			}
		}
	}
	for _, x := range w.watched {
		if said := x.difference(); said != "" {
			return said
		}
	}
	want := w.nodes[0].shows()
	for _, n := range w.nodes {
		if got := n.shows(); got != want {
			return fmt.Sprintf("%s shows %s; %s shows %s", n.name, got, w.nodes[0].name, want)
		}
	}
	return ""
}
