package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"carillon/cluster/replica"
	"carillon/store/live"
)

const channel = "reg"

// A node is what it knows of all, the table made of that, and its disk.
type node struct {
	ears
	w     *world
	set   replica.Set
	own   *replica.Replica
	table *live.Bindings
	sent  map[[2]string]replica.Cursor // by node and owner: what it thinks that one has
	gives map[[2]string]*stream        // by watcher and owner
	skew  time.Duration                // of its clock
	disk  disk
	past  []image

	journal journal
	marks   []mark
}

// Ears are what a node or a watcher was told, added up, by owner; of itself, what
// it said.
type ears struct {
	name string
	told map[string]map[string]string
}

// disk is what survives a restart.
type disk struct {
	inc     uint64
	records map[string][]byte
}

// An image is a machine as it was.
type image struct {
	at    time.Time
	known []byte // what it says about itself
	flows map[string]uint64
	disk  disk
}

type mark struct {
	at      time.Time
	version uint64
}

// A journal keeps what the table writes until it is asked, because a table does
// not say in which order it does several things at a time.
type journal struct{ writes []write }

// A write is a key with a value, without one, or one that only the disk is to hear of.
type write struct {
	key     string
	value   []byte
	deleted bool
}

func (j *journal) Set(key string, value []byte) {
	j.writes = append(j.writes, write{key: key, value: slices.Clone(value)})
}

func (j *journal) Delete(key string) {
	j.writes = append(j.writes, write{key: key, deleted: true})
}

func newNode(w *world, name string, inc uint64) *node {
	n := &node{w: w, ears: ears{name: name}}
	n.live(disk{inc: inc, records: map[string][]byte{}})
	return n
}

// live begins another life of a node with what is on its disk.
func (n *node) live(d disk) {
	n.disk = d
	n.set, n.marks = replica.Set{}, nil
	n.told, n.sent = map[string]map[string]string{n.name: {}}, map[[2]string]replica.Cursor{}
	n.gives = map[[2]string]*stream{}
	n.own = n.set.Get(n.name, channel)
	n.own.Renew(d.inc)
	n.begin()
	n.furnish(nil)
}

// furnish makes the table of what is on the disk; flows are those that are still
// there.
func (n *node) furnish(flows map[string]uint64) {
	n.journal = journal{}
	n.table = live.NewBindings(n.name, &n.journal)
	n.table.OnChange(n.save)
	for _, key := range slices.Sorted(maps.Keys(n.disk.records)) {
		x, err := live.ParseRecord(key, n.disk.records[key])
		if err != nil {
			n.w.fails("%s cannot read its disk: %v", n.name, err)
			return
		}
		n.table.Restore(x)
		if flow := flows[key]; flow != 0 {
			x.Flow = flow
			n.table.Put(x)
		}
	}
	n.flush()
}

// save notes that the disk has to be written. It is called with the table's lock
// held.
func (n *node) save(key string) {
	n.journal.writes = append(n.journal.writes, write{key: key})
}

// flush carries what the table wrote to the replica and to the disk.
func (n *node) flush() {
	writes := n.journal.writes
	n.journal.writes = nil
	slices.SortStableFunc(writes, func(a, b write) int { return strings.Compare(a.key, b.key) })
	for _, x := range writes {
		switch {
		case x.deleted:
			n.write(x.key, nil, n.own.Delete(x.key))
		case x.value != nil:
			n.write(x.key, x.value, n.own.Set(x.key, x.value))
		}
		if record, ok := n.table.AppendRecord(nil, x.key); ok {
			n.disk.records[x.key] = record
		} else {
			delete(n.disk.records, x.key)
		}
	}
}

// write keeps the history of an owner.
func (n *node) write(key string, value []byte, changed bool) {
	if !changed {
		return
	}
	h := n.w.history[life{n.name, n.own.Cursor().Inc}]
	h.list = append(h.list, replica.Entry{Pair: replica.NewPair(key, value), Version: n.own.Cursor().Max, Deleted: value == nil})
	if n.told[n.name][key] = string(value); value == nil {
		delete(n.told[n.name], key)
	}
}

// begin keeps the history of a life that begins with what the owner has.
func (n *node) begin() {
	n.disk.inc = n.own.Cursor().Inc
	at := life{n.name, n.disk.inc}
	if h := n.w.history[at]; h != nil { // it was lived before
		h.forked = true
		return
	}
	h := &words{base: n.own.Cursor().Max}
	for d, ok := n.own.DeltaSince(replica.Cursor{}, 1<<20); ok; ok = false {
		h.list = d.Entries
	}
	n.w.history[at] = h
}

// asked takes what another node says that it has.
func (n *node) asked(by, owner string, x have) {
	n.judge(owner, x)
	n.sent[[2]string{by, owner}] = x.cursor
}

// judge finds out whether what somebody has of an owner was ever written.
func (n *node) judge(owner string, x have) {
	r := n.set.Get(owner, channel)
	claim := replica.Claim{Cursor: x.cursor, Check: x.check, Filter: x.wish.Filter}
	claim.Max = max(claim.Max, x.heard)
	switch {
	case r == n.own && r.Outranked(claim):
		r.Renew(claim.Inc + 1)
		n.begin()
	case r != n.own && r.Hear(claim):
		n.w.checkSpoilt(&n.ears, owner)
		n.complain(owner)
	}
}

// complain says to all that the incarnation of an owner is spoilt.
func (n *node) complain(owner string) {
	at := n.set.Get(owner, channel).Awaits()
	for to, other := range n.w.nodes {
		if other != n {
			n.w.send(message{from: slices.Index(n.w.nodes, n), to: to, owner: owner, cursor: &at})
		}
	}
}

// learn takes a delta, checks what became of it and feeds the table.
func (n *node) learn(owner string, d replica.Delta) (at replica.Cursor, again bool) {
	r := n.set.Get(owner, channel)
	before := r.Cursor()
	changes, result, at := r.Apply(d)
	for _, x := range changes {
		n.w.checkGone(&n.ears, r, before.Inc, x)
		n.hear(owner, x)
		if err := n.table.LearnText(owner, x.Text, x.Cut); err != nil {
			n.w.fails("%s: %v", n.name, err)
		}
		n.flush()
	}
	n.w.check(&n.ears, r, before, result)
	return at, result == replica.Gap || result == replica.NeedSnapshot || result == replica.Spoilt
}

// hear takes a change.
func (e *ears) hear(owner string, x replica.Change) {
	if e.told[owner] == nil {
		e.told[owner] = map[string]string{}
	}
	if e.told[owner][x.Key()] = x.Value(); x.Deleted {
		delete(e.told[owner], x.Key())
	}
}

// tick is what a node does by its clock: it ends what has ended, forgets what was
// deleted an hour ago, and its machine's image is kept now and then.
func (n *node) tick() {
	n.table.Expire(time.Now())
	n.flush()
	clock := time.Now().Add(n.skew)
	for len(n.marks) > 0 && clock.Sub(n.marks[0].at) >= time.Hour {
		n.own.Collect(n.marks[0].version)
		n.marks = n.marks[1:]
	}
	n.marks = append(n.marks, mark{clock, n.own.Cursor().Max})
	d, _ := n.own.DeltaSince(replica.Cursor{}, 1<<20)
	known, _ := d.MarshalBinary() // it never fails
	flows := map[string]uint64{}
	for _, x := range n.table.All() {
		if x.Node == n.name && x.Transport == "udp" {
			flows[x.Key()] = x.Flow
		}
	}
	n.past = append(n.past, image{time.Now(), known, flows, n.disk.clone()})
}

func (d disk) clone() disk {
	d.records = maps.Clone(d.records)
	return d
}

// restart is a crash: memory is gone.
func (n *node) restart() {
	n.disk.inc++
	n.live(n.disk)
}

// loseDisk is a new machine under the old name that knows nothing.
func (n *node) loseDisk() {
	n.past = nil
	n.live(disk{inc: 1 + n.w.random.Uint64N(3), records: map[string][]byte{}})
}

// rollBack makes the machine what it was an hour ago, memory and disk, and lets
// it go on as if nothing had happened, but that its connections are gone.
func (n *node) rollBack() {
	i := slices.IndexFunc(n.past, func(x image) bool { return time.Since(x.at) < time.Hour }) - 1
	if i < 0 {
		return
	}
	x := n.past[i]
	n.past = n.past[:i+1]
	if n.w.one(3) { // the machine was off when the image was made
		n.live(x.disk.clone())
		n.restart()
		return
	}
	n.live(x.disk.clone())
	n.set = replica.Set{}
	n.own = n.set.Get(n.name, channel)
	var d replica.Delta
	if err := d.UnmarshalBinary(x.known); err != nil {
		n.w.fails("an image of %s: %v", n.name, err)
		return
	}
	n.own.Apply(d)
	clear(n.told[n.name])
	for _, e := range d.Entries {
		if !e.Deleted {
			n.told[n.name][e.Key()] = e.Value()
		}
	}
	n.furnish(x.flows)
	for _, e := range d.Entries { // another node had the better claim: it was not on the disk
		if _, ok := n.table.Own(e.Key()); !ok {
			n.journal.Delete(e.Key())
		}
	}
	n.flush()
}

// verdict is what the links of a node say of another one. It must decide nothing
// that lasts.
func (n *node) verdict(of string, alive bool) { n.table.SetNodeAlive(of, alive) }

// shows is the table, in order.
func (n *node) shows() string {
	var rows []string
	for _, x := range n.table.All() {
		rows = append(rows, fmt.Sprintf("%s %s at %s: %s, move %d, flow %v", x.User, x.Device, x.Node, x.Contact, x.Move, x.Flow != 0))
	}
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}
